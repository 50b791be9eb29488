//! `basin study2d`: every method on every density, with several seeds, at equal cost.
//!
//! Invariant: a run is known by density, method, seed and budget; one that is in the results is never
//! done again, and one that was stopped goes on from its checkpoint.

mod figure;
mod job;
mod progress;
mod results;

use basin::settings::{DATASETS, METHODS};
use clap::{Arg, ArgMatches, Command, value_parser};
use job::{Job, Outcome};
use progress::Progress;
use results::Results;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// The data set that comes without points of its own.
const OWN_POINTS: &str = "points";

pub fn command() -> Command {
    let flag = |name: &'static str| Arg::new(name).long(name);
    Command::new("study2d")
        .about("Trains methods on densities with several seeds and compares them")
        .args([
            flag("densities")
                .default_value("all")
                .help("Names with commas between them, or all"),
            flag("methods")
                .default_value("all")
                .help("Names with commas between them, or all"),
            flag("seeds")
                .default_value("3")
                .value_parser(value_parser!(u64).range(1..=1000))
                .help("Number of seeds, from 1 on"),
            flag("budget")
                .default_value("5min")
                .value_parser(budget)
                .help("Training time of a run: 20s, 10min, 1h. A run that reaches its preset's length stops there"),
            flag("json")
                .default_value("study2d.json")
                .help("File of results, one object a run; - for standard output"),
            flag("runs")
                .default_value("study2d-runs")
                .value_parser(value_parser!(PathBuf))
                .help("Folder of the runs' checkpoints, from which stopped ones go on and the figure is drawn"),
            flag("table")
                .value_parser(value_parser!(PathBuf))
                .help("File for the table (Markdown); it is printed in any case [default: that of --json, with .md]"),
            flag("figure")
                .value_parser(value_parser!(PathBuf))
                .help("File for the figure of learned densities (SVG) [default: that of --json, with .svg]"),
            flag("threads")
                .value_parser(value_parser!(u16).range(1..=256))
                .help("Runs at a time [default: one a core]"),
        ])
}

pub fn run(matches: &ArgMatches) -> Result<(), String> {
    let text = |name: &str| matches.get_one::<String>(name).cloned().unwrap_or_default();
    let densities: Vec<_> = DATASETS.iter().filter(|d| **d != OWN_POINTS).collect();
    let densities = named(&text("densities"), &densities, "density")?;
    let methods = named(
        &text("methods"),
        &METHODS.iter().collect::<Vec<_>>(),
        "method",
    )?;
    let seeds = matches.get_one::<u64>("seeds").copied().unwrap_or(1);
    let budget = matches
        .get_one::<Duration>("budget")
        .copied()
        .unwrap_or_default();
    let folder = matches
        .get_one::<PathBuf>("runs")
        .cloned()
        .unwrap_or_default();
    std::fs::create_dir_all(&folder)
        .map_err(|e| format!("cannot write to {}: {e}", folder.display()))?;
    let results = Results::open(&text("json"))?;
    // Every method on one seed first, so that a study that is stopped early compares them all.
    let mut jobs = Vec::new();
    for seed in 1..=seeds {
        for density in &densities {
            for method in &methods {
                let job = Job::new(density, method, seed, budget, &folder);
                if !results.has(&job) {
                    jobs.push(job);
                }
            }
        }
    }
    // Before hours of work, not after.
    for job in &jobs {
        job.begun()?;
    }
    let results = Mutex::new(results);
    work(jobs, matches, &results)?;
    let results = results.into_inner().map_err(|e| e.to_string())?;
    let table = results.table(&densities, &methods, budget.as_secs_f64());
    eprintln!("\n{table}");
    let given = |name: &str| matches.get_one::<PathBuf>(name);
    if let Some(path) = given("table") {
        write(path, table.as_bytes())?;
    }
    if let Some(path) = given("figure") {
        let figure = figure::draw(&densities, &methods, budget, &folder)?;
        write(path, figure.as_bytes())?;
    }
    let json = text("json");
    if json == "-" {
        return Ok(());
    }
    // Beside the results, and of all of them, whatever was asked for this time.
    let there = |density: &str, method: &str| results.holds(density, method, budget.as_secs_f64());
    let densities: Vec<_> = (DATASETS.iter().copied())
        .filter(|d| METHODS.iter().any(|m| there(d, m)))
        .collect();
    let methods: Vec<_> = (METHODS.iter().copied())
        .filter(|m| DATASETS.iter().any(|d| there(d, m)))
        .collect();
    if given("table").is_none() {
        let table = results.table(&densities, &methods, budget.as_secs_f64());
        write(&Path::new(&json).with_extension("md"), table.as_bytes())?;
    }
    if given("figure").is_none() {
        let path = Path::new(&json).with_extension("svg");
        let lost = |d: &str, m: &str| there(d, m) && !job::file(&folder, d, m, 1, budget).exists();
        if densities.iter().any(|d| methods.iter().any(|m| lost(d, m))) {
            let folder = folder.display();
            eprintln!("no figure: not all checkpoints of seed 1 are in {folder}");
            return Ok(());
        }
        let figure = figure::draw(&densities, &methods, budget, &folder)?;
        write(&path, figure.as_bytes())?;
    }
    Ok(())
}

/// Does the jobs on as many threads as asked for.
fn work(jobs: Vec<Job>, matches: &ArgMatches, results: &Mutex<Results>) -> Result<(), String> {
    let stop = crate::train2d::watch_for_ctrl_c()?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = matches
        .get_one::<u16>("threads")
        .map_or(cores, |t| usize::from(*t));
    let progress = Progress::new(jobs.len(), threads);
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(None);
    let halted = AtomicBool::new(false);
    let stopped = || stop.load(Ordering::Relaxed) || halted.load(Ordering::Relaxed);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(jobs.len()) {
            scope.spawn(|| {
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if stopped() {
                        return;
                    }
                    progress.say(&job.name());
                    let done = job.run(&stopped).and_then(|outcome| match outcome {
                        Outcome::Stopped => Ok(()),
                        Outcome::Done(row) => {
                            let said = format!("{}: KL {:.3}", job.name(), row.kl_truth_model);
                            let mut results = results.lock().map_err(|e| e.to_string())?;
                            results.add(*row)?;
                            progress.one_more(&said);
                            Ok(())
                        }
                    });
                    if let Err(message) = done {
                        halted.store(true, Ordering::Relaxed);
                        if let Ok(mut failed) = failed.lock() {
                            *failed = Some(format!("{}: {message}", job.name()));
                        }
                    }
                }
            });
        }
    });
    if let Some(message) = failed.into_inner().map_err(|e| e.to_string())? {
        return Err(message);
    }
    if stop.swap(true, Ordering::Relaxed) {
        return Err("stopped; the same command goes on from here".into());
    }
    Ok(())
}

/// The names of a list, each one of `known`.
fn named(text: &str, known: &[&&'static str], what: &str) -> Result<Vec<&'static str>, String> {
    if text == "all" {
        return Ok(known.iter().map(|name| **name).collect());
    }
    let mut chosen = Vec::new();
    for name in text.split(',').map(str::trim) {
        let Some(found) = known.iter().find(|k| **k == &name) else {
            let names: Vec<&str> = known.iter().map(|k| **k).collect();
            let names = names.join(", ");
            return Err(format!("there is no {what} {name:?}; choose of {names}"));
        };
        // Twice the same would be two runs on one checkpoint.
        if !chosen.contains(*found) {
            chosen.push(**found);
        }
    }
    Ok(chosen)
}

/// A duration like 20s, 10min or 1h.
fn budget(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let unit = match unit.trim() {
        "s" => 1.0,
        "min" | "m" => 60.0,
        "h" => 3600.0,
        _ => return Err("a time is a number with s, min or h behind it".into()),
    };
    let number: f64 = number.parse().map_err(|_| "no number before the unit")?;
    let seconds = number * unit;
    if !(1.0..=1e6).contains(&seconds) {
        return Err("between 1s and 250h".into());
    }
    Ok(Duration::from_secs_f64(seconds))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    std::fs::write(path, bytes).map_err(|e| format!("cannot write {}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_and_names_are_read() {
        assert_eq!(budget("20s"), Ok(Duration::from_secs(20)));
        assert_eq!(budget("1.5min"), Ok(Duration::from_secs(90)));
        for bad in ["", "10", "s", "0s", "-3s", "1e9h", "NaNs"] {
            assert!(budget(bad).is_err(), "{bad}");
        }
        let known = ["a", "b"];
        let known: Vec<_> = known.iter().collect();
        assert_eq!(named("all", &known, "letter"), Ok(vec!["a", "b"]));
        assert_eq!(named("b", &known, "letter"), Ok(vec!["b"]));
        assert_eq!(named("b, a,b", &known, "letter"), Ok(vec!["b", "a"]));
        assert!(named("b,c", &known, "letter").is_err());
    }
}
