//! Command-line tools that cargo installs.
//!
//! Invariant: a tool is ready only when every program of it that we use says the exact version.

use crate::place::Place;
use crate::process::{Result, read, run};
use std::fs;

/// Trunk before 0.22, which asks for a compiler newer than the fallback's.
const TRUNK: &str = "0.21.14";

/// A crate and the programs in it that we use.
pub struct Tool {
    name: &'static str,
    version: String,
    programs: &'static [&'static str],
    why: &'static str,
}

impl Tool {
    /// Bundles the page.
    pub fn trunk() -> Self {
        Self {
            name: "trunk",
            version: TRUNK.into(),
            programs: &["trunk"],
            why: "bundles the page",
        }
    }

    /// Writes the JavaScript around the wasm; its version must be the library's.
    ///
    /// # Errors
    /// When Cargo.lock cannot be read or has no wasm-bindgen.
    pub fn wasm_bindgen(place: &Place) -> Result<Self> {
        let lock = fs::read_to_string(place.root.join("Cargo.lock"))
            .map_err(|error| format!("cannot read Cargo.lock: {error}"))?;
        let version = locked(&lock, "wasm-bindgen").ok_or("Cargo.lock names no wasm-bindgen")?;
        Ok(Self {
            name: "wasm-bindgen-cli",
            version: version.into(),
            programs: &["wasm-bindgen", "wasm-bindgen-test-runner"],
            why: "writes the JavaScript around the wasm",
        })
    }

    /// Installs the tool unless it is there.
    ///
    /// # Errors
    /// When cargo cannot compile it.
    pub fn install(&self, place: &Place) -> Result {
        println!("{} {}: {}", self.name, self.version, self.why);
        if self.ready(place) {
            println!("  ok (already)");
            return Ok(());
        }
        // The tool's own lock file may name a crate that a registry's mirror does not have yet.
        self.compile(place, &["--locked"]).or_else(|problem| {
            println!("  {problem}; trying again with today's dependencies");
            self.compile(place, &[])
        })?;
        if self.ready(place) {
            Ok(())
        } else {
            Err(format!(
                "{} was installed but does not say it is {}",
                self.name, self.version
            ))
        }
    }

    fn compile(&self, place: &Place, flags: &[&str]) -> Result {
        let mut cargo = place.command("cargo");
        cargo.args([
            "install",
            "--quiet",
            self.name,
            "--version",
            &self.version,
            "--root",
        ]);
        run(cargo.arg(place.tools()).args(flags))
    }

    fn ready(&self, place: &Place) -> bool {
        self.programs.iter().all(|program| {
            read(place.command(program).arg("--version"))
                .is_ok_and(|said| said.split_whitespace().nth(1) == Some(&self.version))
        })
    }
}

/// The version of a package in a lock file.
fn locked<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    Some(rest.split_once('"')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_gives_the_version_of_exactly_that_package() {
        let lock = "[[package]]\nname = \"wasm-bindgen-futures\"\nversion = \"0.4.1\"\n\n\
                    [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\n";
        assert_eq!(locked(lock, "wasm-bindgen"), Some("0.2.130"));
        assert_eq!(locked(lock, "wasm"), None);
    }
}
