//! Node and the packages that the tests of the built page and its benchmarks use.
//!
//! Invariant: a package has the exact version that the `package.json` of its folder names.

use crate::debian;
use crate::place::{Place, which};
use crate::process::{Result, read, run};
use std::fs;
use std::path::Path;

/// Oldest Node whose test runner and fetch the tests can use.
const OLDEST: u32 = 18;

const PACKAGE: &str = "playwright-core";

/// Installs Node and the package of the end-to-end tests unless they are there.
///
/// # Errors
/// When Node is too old, or something cannot be fetched.
pub fn install(place: &Place) -> Result {
    install_for(place, &place.e2e(), &[PACKAGE])
}

/// Installs Node, and what a folder's `package.json` names unless these of its packages are there.
///
/// # Errors
/// As [`install`].
pub fn install_for(place: &Place, folder: &Path, packages: &[&str]) -> Result {
    println!("node {OLDEST} or later, with npm: runs the tests of the built page");
    if which(&["node"]).is_none() || which(&["npm"]).is_none() {
        debian::install(&["nodejs", "npm"])?;
    }
    let version = read(place.command("node").arg("--version"))?;
    if major(&version).is_none_or(|major| major < OLDEST) {
        return Err(format!("node {version} is older than {OLDEST}"));
    }
    println!("  ok ({version})");

    let mut missing = false;
    for package in packages {
        let wanted = field(&folder.join("package.json"), &["dependencies", package])?;
        let installed = folder.join("node_modules").join(package);
        let found = field(&installed.join("package.json"), &["version"]);
        let there = found.as_ref() == Ok(&wanted);
        println!("{package} {wanted}: {}", purpose(package));
        println!(
            "  {}",
            if there {
                "ok (already)"
            } else {
                "to be installed"
            }
        );
        missing |= !there;
    }
    if !missing {
        return Ok(());
    }
    let flags = ["install", "--ignore-scripts", "--no-audit", "--no-fund"];
    run(place.command("npm").current_dir(folder).args(flags))
}

/// What a package is for.
fn purpose(package: &str) -> &'static str {
    match package {
        PACKAGE => "drives the browser",
        _ => "what the kernels are timed against",
    }
}

/// A text at a path of keys in a JSON file.
fn field(file: &Path, keys: &[&str]) -> Result<String> {
    let problem = |what: &dyn std::fmt::Display| format!("{}: {what}", file.display());
    let text = fs::read_to_string(file).map_err(|error| problem(&error))?;
    let json: serde_json::Value = serde_json::from_str(&text).map_err(|error| problem(&error))?;
    let found = keys.iter().try_fold(&json, |object, key| object.get(key));
    let text = found.and_then(serde_json::Value::as_str);
    text.map(str::to_owned)
        .ok_or_else(|| problem(&format!("no {}", keys.join("."))))
}

fn major(version: &str) -> Option<u32> {
    version
        .trim_start_matches('v')
        .split('.')
        .next()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(major("v20.20.2"), Some(20));
        assert_eq!(major("none"), None);
    }
}
