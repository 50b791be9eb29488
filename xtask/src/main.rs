//! Sets up, builds, serves and tests Basin: `cargo xtask` says how.
//!
//! Invariant: every command first installs what it needs and is missing, so that each works on a
//! machine that has nothing but rustup's Rust.

mod bench;
mod browser;
mod debian;
mod dist;
mod names;
mod node;
mod place;
mod plain;
mod process;
mod python;
mod section;
mod server;
mod setup;
mod size;
mod suite;
mod tool;
mod toolchain;
mod vulkan;
mod worker;

use place::Place;
use process::Result;
use std::process::ExitCode;

const USAGE: &str = "\
Usage: cargo xtask COMMAND

  serve [--port N] [--no-build]    build the page and serve it on this machine
  build                            build the page into dist/, for any static host and sub-path
  test [lint|native|browser|e2e]   all checks, or one part of them
  basin ARGUMENTS                  the command line, such as `train2d --preset four-rings-da-ebm`
  bench [page|native|load|memory]  benchmarks beside TensorFlow.js, jax-js and PyTorch, or a part
  screenshots                      take the pictures of the README anew
  setup [--fallback-toolchain]     install what the commands above need, the test tools included

CARGO_TARGET_DIR moves the build; BASIN_CHROMIUM and BASIN_CHROMEDRIVER name a browser;
BASIN_FALLBACK_TOOLCHAIN=1 always takes the second way to a wasm32 toolchain (Debian's compiler).";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match dispatch(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("xtask: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: &[&str]) -> Result {
    let place = Place::find()?;
    match args {
        ["setup"] => setup::everything(&place, false),
        ["setup", "--fallback-toolchain"] => setup::everything(&place, true),
        ["build"] => dist::build(&place),
        ["serve", options @ ..] => server::serve(&place, options),
        ["test"] => suite::all(&place),
        ["test", part] => suite::part(&place, part),
        ["bench"] => bench::all(&place),
        ["bench", part] => bench::part(&place, part),
        ["basin", rest @ ..] => basin(&place, rest),
        ["screenshots"] => suite::screenshots(&place),
        [] | ["help" | "-h" | "--help"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => Err(format!("I do not know `{}`.\n{USAGE}", args.join(" "))),
    }
}

/// Builds and runs the command line.
fn basin(place: &Place, rest: &[&str]) -> Result {
    let run = ["run", "--quiet", "--bin", "basin", "--"];
    process::run(place.command("cargo").args(run).args(rest))
}
