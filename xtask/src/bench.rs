//! The benchmarks in a browser, beside what people would use instead.
//!
//! Invariant: all are timed in turn, in one run of one browser, on one adapter.

use crate::browser::Browser;
use crate::place::Place;
use crate::process::{Result, read, run};
use crate::{dist, node};
use std::fs;

/// Builds the page, times it and its rivals, prints a table and writes `docs/bench.json`.
///
/// # Errors
/// When a step fails, or a rival's energies are not Basin's.
pub fn page(place: &Place) -> Result {
    dist::build(place)?;
    let chromium = Browser::install()?;
    let folder = place.root.join("tests/bench");
    node::install_for(place, &folder, &["playwright-core", "@tensorflow/tfjs"])?;
    let problem = place.target.join("bench-problem.json");
    fs::create_dir_all(&place.target)
        .map_err(|error| format!("cannot make {}: {error}", place.target.display()))?;
    let export = [
        "run", "--quiet", "--bin", "basin", "--", "bench", "--export",
    ];
    run(place.command("cargo").args(export).arg(&problem))?;
    let describe = ["describe", "--always", "--dirty", "--abbrev=12", "--match="];
    let commit = read(place.command("git").args(describe))?;
    let mut node = place.command("node");
    run(chromium
        .announce(&mut node)
        .arg(folder.join("bench.mjs"))
        .env("BASIN_DIST", place.dist())
        .env("BASIN_PROBLEM", &problem)
        .env("BASIN_COMMIT", commit.trim())
        .env("BASIN_BENCH", place.root.join("docs/bench.json")))
}
