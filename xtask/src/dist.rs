//! The built page, as static files.
//!
//! Invariant: `dist/` works at any path of any static host, `/lab` opened directly included, and
//! both wasm files are within their budgets.

use crate::place::Place;
use crate::process::{Result, read, run};
use crate::toolchain::TARGET;
use crate::{setup, size};
use std::fs;
use std::path::Path;

/// Paths of the page other than its root; each is a folder with a copy of the page.
const ROUTES: &[&str] = &["compare", "lab"];

/// Installs what is missing and builds `dist/`.
///
/// # Errors
/// When a step fails or a wasm file is over its budget.
pub fn build(place: &Place) -> Result {
    let toolchain = setup::for_build(place)?;
    println!("building dist/");
    // Trunk then runs offline, so that it neither downloads tools nor looks for its own update.
    let version = read(place.command("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.ok_or("rustc does not say what machine this is")?;
    run(place
        .command("cargo")
        .args(["fetch", "--locked", "--target", host, "--target", TARGET]))?;
    let mut trunk = toolchain.command(place, "trunk");
    trunk
        .args(["build", "--release=true", "--offline=true", "--locked=true"])
        // Trunk 0.21 takes the usual NO_COLOR=1 for a wrong value of its own flag.
        .env_remove("NO_COLOR");
    run(&mut trunk)?;
    copy_routes(&place.dist())?;
    size::check(&place.dist())
}

/// Copies the page to the paths it is opened at, and to the page for unknown paths.
fn copy_routes(dist: &Path) -> Result {
    let io = |error| format!("cannot copy the page in {}: {error}", dist.display());
    let page = fs::read_to_string(dist.join("index.html")).map_err(io)?;
    for route in ROUTES {
        let folder = dist.join(route);
        fs::create_dir_all(&folder).map_err(io)?;
        fs::write(folder.join("index.html"), one_deeper(&page)?).map_err(io)?;
    }
    fs::write(dist.join("404.html"), &page).map_err(io)
}

/// The page for a folder one level below.
fn one_deeper(page: &str) -> Result<String> {
    const BASE: &str = "<base href=\"./\"";
    match page.matches(BASE).count() {
        1 => Ok(page.replace(BASE, "<base href=\"../\"")),
        n => Err(format!(
            "the page should say {BASE} once, but does so {n} times"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_base_changes() {
        let page = "<head><base href=\"./\" /><link href=\"./a.css\" /></head>";
        let deeper = "<head><base href=\"../\" /><link href=\"./a.css\" /></head>";
        assert_eq!(one_deeper(page), Ok(deeper.into()));
        assert!(one_deeper("<head></head>").is_err());
    }
}
