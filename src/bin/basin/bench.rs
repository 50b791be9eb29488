//! `basin bench`: how fast chains move and training runs, with kernels and without.

use crate::arguments;
use basin::app::timings::{rates, words};
use basin::energy::{Energy, LevelEnergy, Mlp, membership_of};
use basin::engine::bench::{self, Bench};
use basin::engine::{block_on, numbers_of};
use basin::kernel::on_gpu;
use basin::protocol::Subject;
use burn::tensor::{Device, Tensor, TensorData};
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
                .help("Write the timed network, its chains' starts, and energies and gradients there, for rivals"),
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .help("Print every rate as JSON instead of a table"),
        ])
}

/// The timed network and what it should give, by tensor operations on the CPU.
async fn problem() -> Result<serde_json::Value, String> {
    let architecture = bench::architecture();
    let device = Device::flex();
    let weights = architecture.init(1);
    let flat = Tensor::from_data(weights.as_slice(), &device);
    let points = TensorData::new(bench::start(), [bench::CHAINS, 2]);
    let model = Mlp::by_operations(&architecture, &flat);
    let (energy, gradient) = model
        .at(membership_of(0, 1, 1, &device))
        .energy_and_grad(Tensor::from_data(points, &device));
    let mut energies = numbers_of(energy).await.map_err(|e| e.to_string())?;
    energies.extend(numbers_of(gradient).await.map_err(|e| e.to_string())?);
    Ok(json!({
        "width": architecture.width,
        "depth": architecture.depth,
        "confinement": architecture.confinement,
        "deviation": bench::DEVIATION,
        "weights": weights,
        "start": bench::start(),
        "energies": energies,
        "operations": bench::operations_per_evaluation(),
    }))
}

pub fn run(matches: &ArgMatches) -> Result<(), String> {
    if let Some(file) = matches.get_one::<PathBuf>("export") {
        let io = |error| format!("cannot write {}: {error}", file.display());
        return std::fs::write(file, block_on(problem())?.to_string()).map_err(io);
    }
    let device = arguments::open_device(matches)?;
    let gpu = on_gpu(&Tensor::<1>::zeros([1], &device));
    let rounds = matches.get_one::<u64>("rounds").copied().unwrap_or(10);
    let subjects = Subject::ALL.into_iter().filter(|s| gpu || s.on_cpu());
    let subjects: Vec<Subject> = subjects.collect();
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
