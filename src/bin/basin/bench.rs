//! `basin bench`: how fast chains move and training runs, with kernels and without.

#[path = "bench_problem.rs"]
mod problem;

use crate::arguments;
use basin::app::timings::{rates, words};
use basin::engine::bench::Bench;
use basin::engine::block_on;
use basin::kernel::on_gpu;
use basin::protocol::Subject;
use burn::tensor::Tensor;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde_json::json;
use std::path::PathBuf;

pub fn command() -> Command {
    Command::new("bench")
        .about("Times chains and training, in turn, and prints medians")
        .subcommand(crate::bench_train::command())
        .args([
            arguments::device(),
            Arg::new("rounds")
                .long("rounds")
                .default_value("10")
                .value_parser(value_parser!(u64).range(1..))
                .help("Timings of each subject; the median is printed"),
            Arg::new("export")
                .long("export")
                .value_parser(value_parser!(PathBuf))
                .help("Write the timed networks there, and what they should give, for rivals"),
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .help("Print every rate as JSON instead of a table"),
        ])
}

pub fn run(matches: &ArgMatches) -> Result<(), String> {
    if let Some(file) = matches.get_one::<PathBuf>("export") {
        let io = |error| format!("cannot write {}: {error}", file.display());
        let problem = block_on(problem::problem()).map_err(|e| e.to_string())?;
        return std::fs::write(file, problem.to_string()).map_err(io);
    }
    let device = arguments::open_device(matches)?;
    let gpu = on_gpu(&Tensor::<1>::zeros([1], &device));
    let rounds = matches.get_one::<u64>("rounds").copied().unwrap_or(10);
    let subjects: Vec<Subject> = Subject::on(gpu, false).collect();
    let mut bench = Bench::default();
    let mut timings = Vec::new();
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        for &subject in &subjects {
            let timing = block_on(bench.time(subject, &device)).map_err(|e| e.to_string())?;
            timings.push(timing);
        }
    }
    let rates = rates(&timings);
    if matches.get_flag("json") {
        let figure = |r: &basin::app::timings::Rates| {
            let [median, least, most] = r.summary();
            (
                r.subject.name().to_owned(),
                json!({ "median": median, "min": least, "max": most, "rates": r.rates }),
            )
        };
        let figures: serde_json::Map<_, _> = rates.iter().map(figure).collect();
        println!("{}", serde_json::Value::Object(figures));
        return Ok(());
    }
    for rates in &rates {
        let (what, unit) = words(rates.subject);
        let [median, least, most] = rates.summary();
        println!("{what:<42} {median:>12.4e} {unit} ({least:.4e} to {most:.4e})");
    }
    Ok(())
}
