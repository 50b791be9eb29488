//! Python and what is timed there.
//!
//! Invariant: packages go into a virtual environment of their own, never into the system's Python.

use crate::debian;
use crate::place::Place;
use crate::process::{Result, read, run};
use std::path::PathBuf;

const TORCH: &str = "2.15.0";

/// The Python of an environment with PyTorch, which is installed unless it is there.
///
/// # Errors
/// When there is no Python, or a package cannot be fetched.
pub fn torch(place: &Place) -> Result<PathBuf> {
    println!("torch {TORCH}: what the native kernels are timed against");
    let environment = place.tools().join("torch-venv");
    let python = environment.join("bin/python");
    let found = || {
        let version = ["-c", "import torch; print(torch.__version__)"];
        let version = read(place.command(&python).args(version)).ok()?;
        version.split('+').next().map(str::to_owned)
    };
    if found().as_deref() == Some(TORCH) {
        println!("  ok (already)");
        return Ok(python);
    }
    println!("  to be installed, 5 GB: the registry's wheel brings CUDA's libraries along");
    // Debian keeps what makes environments in a package of its own.
    let makes_environments = ["-c", "import ensurepip"];
    if read(place.command("python3").args(makes_environments)).is_err() {
        debian::install(&["python3", "python3-venv"])?;
    }
    run(place
        .command("python3")
        .args(["-m", "venv"])
        .arg(environment))?;
    let install = ["-m", "pip", "install", "--quiet", "--no-cache-dir"];
    let package = format!("torch=={TORCH}");
    run(place.command(&python).args(install).arg(package))?;
    match found() {
        Some(version) if version == TORCH => Ok(python),
        other => Err(format!(
            "torch {TORCH} was installed, but Python finds {other:?}"
        )),
    }
}
