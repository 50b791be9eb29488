//! `basin evaluate`: measures weights of a model of images, or the measures themselves.

use crate::arguments;
use basin::data::files;
use basin::data::images::Images;
use basin::engine::evaluate::{
    Extractors, Gaussian, LongRun, Scored, Sets, denoising, long_run, quality, yardsticks,
};
use basin::engine::model::ImageModel;
use basin::weights::{WeightsFile, sha256};
use burn::tensor::Device;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Deviations of the noise that is taken away, and test images for it.
const NOISES: [f64; 3] = [0.1, 0.3, 0.5];
const DENOISED: usize = 500;

/// Samples that are drawn together.
const BATCH: usize = 128;

const PARTS: [&str; 4] = ["samples", "denoising", "outliers", "long-run"];

pub fn command() -> Command {
    let flag = |name: &'static str| Arg::new(name).long(name);
    let count = |name, default: &'static str, help: &'static str| {
        flag(name)
            .default_value(default)
            .value_parser(value_parser!(u64).range(2..=50_000))
            .help(help)
    };
    Command::new("evaluate")
        .about("Measures a model of images against data")
        .args([
            flag("weights")
                .value_parser(value_parser!(PathBuf))
                .required_unless_present("yardsticks")
                .help("Weights (safetensors)"),
            flag("data")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("Folder with cifar10/, ood/ and extractors/"),
            arguments::device(),
            flag("yardsticks")
                .action(ArgAction::SetTrue)
                .help("Measure known sets instead: the ResNet's accuracy and Fréchet distances"),
            flag("only")
                .value_delimiter(',')
                .value_parser(PARTS)
                .help("Parts to measure; all by default"),
            count(
                "samples",
                "2000",
                "Samples, and images of every set that they are compared with",
            ),
            count(
                "outliers",
                "1000",
                "Images of every set of the outlier measures",
            ),
            flag("reference")
                .value_parser(value_parser!(PathBuf))
                .help("Also write what the page holds scores against to this file"),
            count(
                "chains",
                "32",
                "Chains of the long run, which go together in memory",
            ),
            flag("transitions")
                .default_value("10000")
                .value_parser(value_parser!(u64).range(10..=1_000_000))
                .help("Transitions of the long run"),
            flag("noise")
                .default_value("0")
                .value_parser(value_parser!(f64))
                .help("Noise of the long run's level, in units of the signal; 0 for the cleanest"),
            flag("json")
                .action(ArgAction::SetTrue)
                .help("Print one JSON object at the end instead of lines on the way"),
        ])
}

pub fn run(matches: &ArgMatches) -> Result<(), String> {
    let began = Instant::now();
    let device = arguments::open_device(matches)?;
    let path = |name: &str| {
        matches
            .get_one::<PathBuf>(name)
            .cloned()
            .unwrap_or_default()
    };
    let number = |name: &str| matches.get_one::<u64>(name).copied().unwrap_or(2) as usize;
    let data = path("data");
    let printer = Printer {
        json: matches.get_flag("json"),
    };
    if matches.get_flag("yardsticks") {
        let found = yardstick(&data, number("samples"), &printer, &device)?;
        return printer.last(&found);
    }
    let weights = path("weights");
    let bytes =
        std::fs::read(&weights).map_err(|e| format!("cannot read {}: {e}", weights.display()))?;
    let file = WeightsFile::read(&bytes).map_err(|e| format!("{}: {e}", weights.display()))?;
    let model =
        ImageModel::new(&file, &device).map_err(|e| format!("{}: {e}", weights.display()))?;
    let only: Vec<&String> = matches.get_many("only").into_iter().flatten().collect();
    let wanted = |part: &str| only.is_empty() || only.iter().any(|o| *o == part);
    let sets = Sets::read(&data, number("outliers")).map_err(|e| e.to_string())?;
    let command = command_line(&[
        ("DATA", Some(&data)),
        ("REFERENCE", matches.get_one("reference")),
    ]);
    let mut found = json!({
        "command": command,
        "commit": commit(),
        "weights": sha256(&bytes),
        "model": file.model,
    });
    let gaussian =
        (wanted("samples") || wanted("denoising")).then(|| Gaussian::of(&sets.train, &device));
    if let (true, Some(gaussian)) = (wanted("denoising"), &gaussian) {
        let test = sets.test.part(0, DENOISED);
        let rows = denoising(&model, gaussian, &test, &NOISES)?;
        rows.iter().for_each(|row| printer.line(row));
        found["denoising"] = json!(rows);
    }
    if let (true, Some(gaussian)) = (wanted("samples"), &gaussian) {
        let extractors = Extractors::load(&data.join("extractors"), &device)?;
        let began = Instant::now();
        let samples = samples(&model, number("samples"))?;
        let seconds = began.elapsed().as_secs_f64();
        let measured = quality(&extractors, &sets, gaussian, &samples, |row| {
            printer.line(row)
        })?;
        found["samples"] = json!(measured);
        found["samples"]["seconds"] = json!(seconds);
    }
    if wanted("outliers") {
        let count = number("outliers");
        let scored = Scored::of(&model, &sets, count, |set| {
            printer.line(&json!({ "read": set }))
        })?;
        let rows = scored.outliers();
        rows.iter().for_each(|row| printer.line(row));
        found["outliers"] = json!(rows);
        if let Some(file) = matches.get_one::<PathBuf>("reference") {
            let text = serde_json::to_string(&scored.reference(&sha256(&bytes)))
                .map_err(|e| e.to_string())?;
            std::fs::write(file, text).map_err(|e| format!("{}: {e}", file.display()))?;
        }
    }
    if wanted("long-run") {
        let extractors = Extractors::load(&data.join("extractors"), &device)?;
        let reference = extractors.reference(&sets.train.part(0, number("samples")));
        let start = sets.test.part(0, number("chains"));
        let transitions = number("transitions") as u64;
        let noise = matches.get_one::<f64>("noise").copied().unwrap_or(0.0);
        let level = model.level_of(noise.max(1e-9));
        let look = |row: &LongRun| printer.line(row);
        let rows = long_run(&model, level, &start, transitions, &reference, look);
        found["long_run_level"] = json!(level);
        found["long_run"] = json!(rows);
    }
    found["seconds"] = json!(began.elapsed().as_secs_f64());
    printer.last(&found)
}

fn samples(model: &ImageModel, n: usize) -> Result<Images, String> {
    let mut all = Images::default();
    for first in (0..n).step_by(BATCH) {
        let count = BATCH.min(n - first);
        let key = (first * 1000) as u64;
        let numbers = model
            .samples(count, [1, key])
            .into_data()
            .try_to_vec::<f32>()
            .map_err(|e| format!("{e:?}"))?;
        all.pixels.extend(Images::from_numbers(&numbers).pixels);
    }
    Ok(all)
}

/// The command as typed, with names in place of paths that only this machine has.
fn command_line(names: &[(&str, Option<&PathBuf>)]) -> String {
    let named = |argument: String| {
        let path = Path::new(&argument);
        let found = names.iter().find(|(_, of)| of.is_some_and(|of| of == path));
        found.map_or(argument.clone(), |(name, _)| (*name).to_owned())
    };
    let arguments: Vec<String> = std::env::args().skip(1).map(named).collect();
    format!("basin {}", arguments.join(" "))
}

/// The commit of the repository that the command runs in; empty outside of one.
fn commit() -> String {
    let asked = std::process::Command::new("git")
        .args(["describe", "--always", "--dirty", "--abbrev=12"])
        .output();
    let said = asked.map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned());
    said.unwrap_or_default()
}

/// What other implementations measured too.
fn yardstick(
    data: &Path,
    count: usize,
    printer: &Printer,
    device: &Device,
) -> Result<Value, String> {
    let extractors = Extractors::load(&data.join("extractors"), device)?;
    let sets = Sets::read(data, count).map_err(|e| e.to_string())?;
    let labels = files::labels(&data.join("cifar10"), "test_batch").map_err(|e| e.to_string())?;
    let accuracy = extractors.accuracy(&sets.test, &labels);
    printer.line(&json!({ "resnet56_accuracy": accuracy }));
    let rows = yardsticks(&extractors, &sets, count, |row| printer.line(row))?;
    Ok(json!({ "resnet56_accuracy": accuracy, "distances": rows }))
}

struct Printer {
    json: bool,
}

impl Printer {
    fn line(&self, row: &impl serde::Serialize) {
        if !self.json {
            println!("{}", json!(row));
        }
    }

    fn last(&self, found: &Value) -> Result<(), String> {
        if self.json {
            let text = serde_json::to_string_pretty(found).map_err(|e| e.to_string())?;
            println!("{text}");
        }
        Ok(())
    }
}
