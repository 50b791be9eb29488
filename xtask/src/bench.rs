//! The benchmarks, beside what people would use instead.
//!
//! Invariant: what is compared is timed in turn, on one machine, in one run. A part writes its own section
//! of `docs/bench.json` and leaves the others as they are.

use crate::browser::Browser;
use crate::place::Place;
use crate::process::{Result, read, run};
use crate::{dist, node, python};
use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

/// Every part, in order.
///
/// # Errors
/// When a step fails, or a rival's energies or gradients are not Basin's.
pub fn all(place: &Place) -> Result {
    built_page(place, "page")?;
    native(place)?;
    for part in ["load", "memory"] {
        time_page(place, part)?;
    }
    Ok(())
}

/// One part, by name.
///
/// # Errors
/// As [`all`], and when there is no such part.
pub fn part(place: &Place, name: &str) -> Result {
    match name {
        "page" | "load" | "memory" => built_page(place, name),
        "native" => native(place),
        _ => Err(format!(
            "there is no benchmark {name:?}: page, native, load or memory"
        )),
    }
}

fn built_page(place: &Place, part: &str) -> Result {
    dist::build(place)?;
    time_page(place, part)
}

/// Times the page as it was built last.
fn time_page(place: &Place, part: &str) -> Result {
    let chromium = Browser::install()?;
    let packages = ["playwright-core", "@tensorflow/tfjs", "@jax-js/jax"];
    node::install_for(place, &folder(place), &packages)?;
    let mut node = script(place, part)?;
    if part == "page" {
        node.env("BASIN_PROBLEM", problem(place)?);
    }
    run(chromium.announce(&mut node).env("BASIN_DIST", place.dist()))
}

/// Times the command line, on the CPU beside PyTorch.
fn native(place: &Place) -> Result {
    node::install_for(place, &folder(place), &[])?;
    let build = ["build", "--quiet", "--release", "--bin", "basin"];
    run(place.command("cargo").args(build))?;
    let mut node = script(place, "native")?;
    if env::var("BASIN_DEVICE").is_ok_and(|device| device != "cpu") {
        println!("PyTorch is timed on the CPU only");
    } else {
        node.env("BASIN_TORCH", python::torch(place)?);
    }
    run(node
        .env("BASIN_PROBLEM", problem(place)?)
        .env("BASIN_EXE", place.target.join("release/basin")))
}

fn folder(place: &Place) -> PathBuf {
    place.root.join("tests/bench")
}

/// The script of a part, which is told where the report goes.
fn script(place: &Place, part: &str) -> Result<Command> {
    let describe = ["describe", "--always", "--dirty", "--abbrev=12", "--match="];
    let commit = read(place.command("git").args(describe))?;
    let mut node = place.command("node");
    node.arg(folder(place).join(format!("{part}.mjs")))
        .env("BASIN_COMMIT", commit)
        .env("BASIN_BENCH", place.root.join("docs/bench.json"));
    Ok(node)
}

/// A file with the timed networks, and what they should give by tensor operations.
fn problem(place: &Place) -> Result<PathBuf> {
    let file = place.target.join("bench-problem.json");
    fs::create_dir_all(&place.target)
        .map_err(|error| format!("cannot make {}: {error}", place.target.display()))?;
    let export = ["run", "--quiet", "--bin", "basin", "--", "bench"];
    run(place
        .command("cargo")
        .args(export)
        .arg("--export")
        .arg(&file))?;
    Ok(file)
}
