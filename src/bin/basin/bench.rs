//! `basin bench`: medians of the training loop.

use crate::arguments;
use basin::engine::{Train2d, block_on};
use basin::settings::Key;
use clap::ArgMatches;
use std::time::Instant;

/// Iterations per timed repeat.
const ITERATIONS: u64 = 20;

pub fn run(matches: &ArgMatches) -> Result<(), String> {
    let device = arguments::open_device(matches)?;
    let settings = arguments::settings(matches)?;
    let preset = settings.preset().name();
    let steps = (settings.int(Key::Chains) * settings.int(Key::Steps)) as f64;
    let mut run = Train2d::new(settings, device).map_err(|e| e.to_string())?;
    let repeats = matches.get_one::<u64>("repeats").copied().unwrap_or(10);
    let mut advance = || -> Result<f64, String> {
        let began = Instant::now();
        block_on(run.advance(ITERATIONS)).map_err(|e| e.to_string())?;
        // A report's read is what makes sure that the device has finished.
        block_on(run.report(Some(32))).map_err(|e| e.to_string())?;
        Ok(began.elapsed().as_secs_f64() / ITERATIONS as f64)
    };
    advance()?;
    let mut times = (0..repeats)
        .map(|_| advance())
        .collect::<Result<Vec<_>, _>>()?;
    times.sort_by(f64::total_cmp);
    let median = times[times.len() / 2];
    println!("preset {preset}, {repeats} repeats of {ITERATIONS} iterations");
    println!(
        "{:>10.2} ms an iteration (median; {:.2} to {:.2})",
        median * 1e3,
        times[0] * 1e3,
        times[times.len() - 1] * 1e3
    );
    println!("{:>10.0} chain steps a second", steps / median);
    Ok(())
}
