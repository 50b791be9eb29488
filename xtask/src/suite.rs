//! The checks, in order.
//!
//! Invariant: the first check that fails ends the run with its name; nothing is skipped silently.

use crate::browser::Browser;
use crate::place::Place;
use crate::process::{Result, run};
use crate::toolchain::TARGET;
use crate::{dist, node, setup, vulkan};
use std::fs;
use std::process::Command;
use std::time::Instant;

const PAGE: &[&str] = &["--no-default-features", "--features", "page"];
const WORKER: &[&str] = &["--no-default-features", "--features", "worker"];
const WASM: &[&str] = &["--profile", "web", "--target", TARGET];
const STRICT: &[&str] = &["--", "-D", "warnings"];

/// Every check.
///
/// # Errors
/// The first check that fails.
pub fn all(place: &Place) -> Result {
    for part in [lint, native, browser, e2e] {
        part(place)?;
    }
    println!("all checks passed");
    Ok(())
}

/// One part of the checks, by name.
///
/// # Errors
/// As [`all`], and when there is no such part.
pub fn part(place: &Place, name: &str) -> Result {
    match name {
        "lint" => lint(place),
        "native" => native(place),
        "browser" => browser(place),
        "e2e" => e2e(place),
        _ => Err(format!(
            "there is no test part {name:?}: lint, native, browser or e2e"
        )),
    }
}

/// Takes the pictures of the README anew.
///
/// # Errors
/// When the build or the browser fails.
pub fn screenshots(place: &Place) -> Result {
    dist::build(place)?;
    let chromium = Browser::install()?;
    node::install(place)?;
    let mut node = page_test(place, &chromium);
    run(node
        .arg(place.e2e().join("screenshots.mjs"))
        .env("BASIN_DOCS", place.root.join("docs")))
}

fn lint(place: &Place) -> Result {
    let toolchain = setup::for_lint(place)?;
    step(
        "format",
        place.command("cargo").args(["fmt", "--all", "--check"]),
    )?;
    let workspace = ["clippy", "--workspace", "--all-targets"];
    step(
        "clippy, native",
        place.command("cargo").args(workspace).args(STRICT),
    )?;
    let wasm = |flags: &[&str], binary| {
        let mut cargo = toolchain.cargo(place);
        cargo
            .arg("clippy")
            .args(WASM)
            .args(flags)
            .args(["--lib", "--bin", binary])
            .args(STRICT);
        cargo
    };
    step("clippy, page", &mut wasm(PAGE, "app"))?;
    step("clippy, worker", &mut wasm(WORKER, "worker"))
}

fn native(place: &Place) -> Result {
    vulkan::install()?;
    // One package at a time: together their features would unify, and burn be compiled once more.
    for package in ["basin", "xtask"] {
        step(
            &format!("native tests, {package}"),
            place.command("cargo").args(["test", "--package", package]),
        )?;
    }
    Ok(())
}

fn browser(place: &Place) -> Result {
    let toolchain = setup::for_wasm(place, crate::toolchain::forced())?;
    let chromium = Browser::install()?;
    let mut cargo = toolchain.cargo(place);
    cargo
        .arg("test")
        .args(WASM)
        .args(WORKER)
        .args(["--test", "browser"]);
    // A software GPU on a busy machine is slow to start and to run.
    cargo
        .env(
            "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER",
            "wasm-bindgen-test-runner",
        )
        .env("WASM_BINDGEN_TEST_TIMEOUT", "600")
        .env("WASM_BINDGEN_TEST_DRIVER_TIMEOUT", "60");
    step("browser tests", chromium.announce(&mut cargo))
}

fn e2e(place: &Place) -> Result {
    let begin = Instant::now();
    dist::build(place)?;
    passed("build", begin);
    let chromium = Browser::install()?;
    node::install(place)?;
    let io = |error| format!("cannot list {}: {error}", place.e2e().display());
    let entries = fs::read_dir(place.e2e()).map_err(io)?;
    let mut tests: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|file| file.to_string_lossy().ends_with(".test.mjs"))
        .collect();
    tests.sort();
    step(
        "tests of the built page",
        page_test(place, &chromium).arg("--test").args(tests),
    )
}

/// A node that knows the built page and the browser.
fn page_test(place: &Place, chromium: &Browser) -> Command {
    let mut node = place.command("node");
    chromium.announce(&mut node).env("BASIN_DIST", place.dist());
    node
}

fn step(name: &str, command: &mut Command) -> Result {
    println!("== {name}");
    let begin = Instant::now();
    run(command).map_err(|problem| format!("{name}: {problem}"))?;
    passed(name, begin);
    Ok(())
}

fn passed(name: &str, begin: Instant) {
    println!(
        "== {name}: passed in {:.1} s",
        begin.elapsed().as_secs_f32()
    );
}
