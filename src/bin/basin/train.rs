//! `basin train`: trains an energy of images.
//!
//! Invariant: whatever ends a run (its length, a time limit, Ctrl-C, training that runs away) leaves its
//! newest healthy checkpoint in the output folder, and `--resume` goes on from there as if nothing had
//! happened.

use crate::arguments;
use crate::train2d::watch_for_ctrl_c;
use basin::data::files;
use basin::data::images::Images;
use basin::engine::block_on;
use basin::engine::images::{Progress, Snapshot, TrainImages, TrainSpec};
use basin::weights::{Method, ModelSpec, WeightsFile};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde_json::json;
use std::fs;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How often training may run away before the run gives up.
const MOST_ROLLBACKS: u32 = 5;

/// A mean loss beyond this is one of training that ran away.
const LOSS_LIMIT: f32 = 1e4;

/// Images of a sample grid, and how many are in a row.
const GRID: usize = 64;
const ACROSS: usize = 8;

pub fn command() -> Command {
    let flag = |name: &'static str| Arg::new(name).long(name);
    let count = |name, help: &'static str| {
        flag(name)
            .value_parser(value_parser!(u64).range(1..))
            .help(help)
    };
    let number = |name, help: &'static str| flag(name).value_parser(value_parser!(f64)).help(help);
    Command::new("train")
        .about("Trains an energy of 32 by 32 images")
        .args([
            flag("model")
                .default_value(ModelSpec::NAMES[0])
                .value_parser(ModelSpec::NAMES)
                .help("What to train"),
            flag("data")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("Folder with CIFAR-10, or with cifar10/ in it: data_batch_1.bin … or the same batches as PNG sheets"),
            flag("out")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("Folder for checkpoint, log and sample grids"),
            arguments::device(),
            flag("resume")
                .action(ArgAction::SetTrue)
                .help("Go on from the checkpoint in the output folder"),
            flag("from")
                .value_parser(value_parser!(PathBuf))
                .conflicts_with("resume")
                .help("Start from these weights (safetensors) in place of fresh ones"),
            flag("time-limit")
                .value_parser(parse_time)
                .help("Stop with a checkpoint after so long, such as 90s, 25m or 2h"),
            count(
                "iterations",
                "Length of the run (may change when it goes on)",
            ),
            number("lr", "Learning rate (may change when the run goes on)"),
            number(
                "decay",
                "Share of the run, at its end, over which the learning rate falls (may change)",
            ),
            number("ema", "Memory of the weights' running average (may change)"),
            count(
                "warmup",
                "Iterations over which the learning rate rises and chains take every step",
            ),
            count("batch", "Images of an iteration"),
            count("seed", "Seed of all draws"),
            flag("channels")
                .value_delimiter(',')
                .value_parser(value_parser!(usize))
                .help("Channels of the network at each size, such as 32,64,96"),
            flag("blocks")
                .value_parser(value_parser!(usize))
                .help("Residual blocks of the network at each size"),
            number(
                "diffusion-step",
                "DCD: step in units of the noise before it; 0 for the limit of small steps",
            ),
            count("transitions", "DA-EBM: transitions of an update"),
            number(
                "step-size",
                "DA-EBM: proposal deviation in units of a level's own noise, at first",
            ),
            count("buffer", "DA-EBM: number of persistent chains"),
            number(
                "persistence",
                "DA-EBM: weight of the contrast with chains that keep their levels, beside DCD's loss; 0: the contrast alone, with chains that walk",
            ),
            count("chain-levels", "DA-EBM: cleanest levels that have chains which keep them"),
            number("spread", "DA-EBM: largest factor of contrast that such chains begin with"),
            number("penalty", "DDAEBM: weight of the gradient penalty"),
            number("entropy", "DDAEBM: weight of the entropy bound"),
            number(
                "generator-rate",
                "DDAEBM: learning rate of the generator in units of the energy's",
            ),
            count("report-every", "Iterations between two reports").default_value("25"),
            count("save-every", "Seconds between two checkpoints").default_value("120"),
            flag("grid-every")
                .default_value("1200")
                .value_parser(value_parser!(u64))
                .help("Seconds between two sample grids (0: none)"),
        ])
}

/// A time such as `90s`, `25m` or `2h`.
fn parse_time(text: &str) -> Result<Duration, String> {
    let units = [('s', 1), ('m', 60), ('h', 3600)];
    let (number, seconds) = units
        .iter()
        .find_map(|&(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)))
        .ok_or("a time is a number with s, m or h behind it")?;
    let number: u64 = number
        .parse()
        .map_err(|_| "a time begins with a whole number")?;
    let limit = number.checked_mul(seconds).filter(|&s| s < 1 << 32);
    limit
        .map(Duration::from_secs)
        .ok_or("that is too long".into())
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
    let (data, out) = (path("data"), path("out"));
    let data = files::cifar_train(&data).map_err(|e| e.to_string())?;
    let mut run = match matches.get_flag("resume") {
        true => resume(matches, &out, data, device)?,
        false if checkpoint_folder(&out).exists() => {
            return Err(format!(
                "{} has a checkpoint already: --resume goes on from it, another --out starts anew",
                out.display()
            ));
        }
        false => start(matches, data, device)?,
    };
    // Before hours of work, not after: a folder that cannot be written is found now.
    let mut good = block_on(run.snapshot()).map_err(|e| e.to_string())?;
    write_checkpoint(&out, &good)?;
    let stop = watch_for_ctrl_c()?;
    let seconds = |name: &str| matches.get_one::<u64>(name).copied().unwrap_or(0);
    let report_every = seconds("report-every").max(1);
    let limit = matches.get_one::<Duration>("time-limit");
    let mut log = Log::open(&out)?;
    let (mut saved, mut drawn) = (Instant::now(), Instant::now());
    // What a checkpoint and a grid take, so that a limit is kept.
    let spare = Duration::from_secs(5);
    while !run.finished() && !stop.load(Ordering::Relaxed) {
        if limit.is_some_and(|&limit| began.elapsed() + spare > limit) {
            break;
        }
        // One at a time: each takes about a second, and Ctrl-C and the time limit wait for it.
        block_on(run.advance(1)).map_err(|e| e.to_string())?;
        if !run.iteration().is_multiple_of(report_every) && !run.finished() {
            continue;
        }
        let progress = block_on(run.progress()).map_err(|e| e.to_string())?;
        log.report(&progress, run.spec())?;
        let newest = block_on(run.snapshot()).map_err(|e| e.to_string())?;
        let losses = [Some(progress.loss), progress.generator, progress.gap];
        let tame = losses.into_iter().flatten().all(|l| l.abs() < LOSS_LIMIT);
        if tame && newest.healthy() {
            good = newest;
        } else if run.rollbacks() < MOST_ROLLBACKS {
            log.event(&json!({
                "event": "rollback",
                "from": progress.iteration,
                "to": good.iteration,
                "loss": progress.loss,
            }))?;
            run.roll_back(good.clone()).map_err(|e| e.to_string())?;
        } else {
            write_checkpoint(&out, &good)?;
            return Err(format!(
                "training ran away {MOST_ROLLBACKS} times; the checkpoint of iteration {} is in {}. Try a lower --lr",
                good.iteration,
                out.display()
            ));
        }
        if saved.elapsed().as_secs() >= seconds("save-every") {
            write_checkpoint(&out, &good)?;
            saved = Instant::now();
        }
        let grid_every = seconds("grid-every");
        if grid_every > 0 && drawn.elapsed().as_secs() >= grid_every {
            write_grid(&out, &run)?;
            drawn = Instant::now();
        }
    }
    let newest = block_on(run.snapshot()).map_err(|e| e.to_string())?;
    if newest.healthy() {
        good = newest;
    }
    write_checkpoint(&out, &good)?;
    let weights = block_on(run.weights()).map_err(|e| e.to_string())?;
    let file = out.join("weights.safetensors");
    fs::write(&file, weights.write())
        .map_err(|e| format!("cannot write {}: {e}", file.display()))?;
    if run.finished() {
        write_grid(&out, &run)?;
    } else {
        eprintln!(
            "\nstopped at iteration {}; go on with --resume",
            good.iteration
        );
    }
    Ok(())
}

/// A new run, from fresh weights or those of a file.
fn start(
    matches: &ArgMatches,
    data: Images,
    device: burn::tensor::Device,
) -> Result<TrainImages, String> {
    let spec = spec(matches)?;
    let late = spec.model.method == Method::DaEbm && spec.matches_scores();
    if late && !matches.contains_id("from") {
        eprintln!(
            "{} is trained from weights of DCD (--from www/weights/dcd-cifar.safetensors): at its rate fresh ones learn slowly",
            spec.model.name
        );
    }
    let mut run = TrainImages::new(spec, data, device);
    if let Some(path) = matches.get_one::<PathBuf>("from") {
        let bytes = fs::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
        let weights = WeightsFile::read(&bytes);
        let weights = weights.map_err(|e| format!("{}: {e}", path.display()))?;
        run.start_from(&weights)
            .map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Ok(run)
}

/// The spec of a new run: the model's own, with what the flags change.
fn spec(matches: &ArgMatches) -> Result<TrainSpec, String> {
    let name = matches
        .get_one::<String>("model")
        .map_or("", String::as_str);
    let mut model = ModelSpec::named(name).ok_or_else(|| format!("there is no model {name:?}"))?;
    if let Some(channels) = matches.get_many::<usize>("channels") {
        let channels: Vec<usize> = channels.copied().collect();
        model.network.set_channels(channels.clone())?;
        if let Some(generator) = &mut model.generator {
            generator.channels = channels;
        }
    }
    if let Some(&blocks) = matches.get_one::<usize>("blocks") {
        model.network.set_blocks(blocks)?;
        if let Some(generator) = &mut model.generator {
            generator.blocks = blocks;
        }
    }
    let mut spec = TrainSpec::of(model);
    change(matches, &mut spec);
    let count = |name: &str| matches.get_one::<u64>(name).copied();
    let number = |name: &str| matches.get_one::<f64>(name).copied();
    spec.batch = count("batch").map_or(spec.batch, |n| n.min(4096) as usize);
    spec.warmup = count("warmup").unwrap_or(spec.warmup);
    spec.seed = count("seed").unwrap_or(spec.seed);
    spec.diffusion_step = number("diffusion-step").unwrap_or(spec.diffusion_step);
    spec.transitions = count("transitions").map_or(spec.transitions, |n| n.min(1000) as usize);
    spec.step_size = number("step-size").unwrap_or(spec.step_size);
    spec.persistence = number("persistence").map_or(spec.persistence, |w| w.max(0.0));
    spec.chain_levels =
        count("chain-levels").map_or(spec.chain_levels, |n| n.clamp(1, 256) as usize);
    spec.spread = number("spread").map_or(spec.spread, |s| s.clamp(1.0, 10.0));
    spec.penalty = number("penalty").unwrap_or(spec.penalty);
    spec.entropy = number("entropy").unwrap_or(spec.entropy);
    spec.generator_rate = number("generator-rate").unwrap_or(spec.generator_rate);
    spec.buffer = count("buffer").map_or(spec.buffer, |n| n.min(50_000) as usize);
    spec.check()?;
    Ok(spec)
}

/// What may change when a run goes on.
fn change(matches: &ArgMatches, spec: &mut TrainSpec) {
    let number = |name: &str| matches.get_one::<f64>(name).copied();
    let length = matches.get_one::<u64>("iterations");
    spec.iterations = length.copied().unwrap_or(spec.iterations);
    spec.learning_rate = number("lr").unwrap_or(spec.learning_rate);
    spec.decay = number("decay").unwrap_or(spec.decay).clamp(0.0, 1.0);
    spec.ema = number("ema").unwrap_or(spec.ema).clamp(0.0, 0.999_999);
}

/// The run in the output folder, with the flags that it may take; others are refused.
fn resume(
    matches: &ArgMatches,
    out: &Path,
    data: Images,
    device: burn::tensor::Device,
) -> Result<TrainImages, String> {
    for name in [
        "warmup",
        "batch",
        "seed",
        "channels",
        "blocks",
        "diffusion-step",
        "transitions",
        "step-size",
        "buffer",
        "persistence",
        "chain-levels",
        "spread",
        "penalty",
        "entropy",
        "generator-rate",
    ] {
        if matches.value_source(name) == Some(clap::parser::ValueSource::CommandLine) {
            return Err(format!(
                "--{name} would start another run: leave it out, or leave --resume out"
            ));
        }
    }
    let folder = checkpoint_folder(out);
    let file = |name: &str| {
        let path = folder.join(name);
        fs::read(&path).map_err(|e| format!("cannot read {}: {e}", path.display()))
    };
    let mut snapshot = Snapshot::from_files(file).map_err(|e| e.to_string())?;
    change(matches, &mut snapshot.spec);
    snapshot.spec.check()?;
    TrainImages::resume(snapshot, data, device).map_err(|e| e.to_string())
}

fn checkpoint_folder(out: &Path) -> PathBuf {
    out.join("checkpoint")
}

/// Writes beside the checkpoint and renames, so that a full disk never costs the one before.
fn write_checkpoint(out: &Path, snapshot: &Snapshot) -> Result<(), String> {
    let place = checkpoint_folder(out);
    let (new, old) = (out.join("checkpoint.new"), out.join("checkpoint.old"));
    let write = || {
        let remove = |folder: &Path| match folder.exists() {
            true => fs::remove_dir_all(folder),
            false => Ok(()),
        };
        remove(&new)?;
        fs::create_dir_all(&new)?;
        for (name, bytes) in snapshot.files() {
            fs::write(new.join(name), bytes)?;
        }
        remove(&old)?;
        if place.exists() {
            fs::rename(&place, &old)?;
        }
        fs::rename(&new, &place)?;
        remove(&old)
    };
    write().map_err(|e: std::io::Error| format!("cannot write {}: {e}", place.display()))
}

/// Samples of the averaged weights, as they are now.
fn write_grid(out: &Path, run: &TrainImages) -> Result<(), String> {
    let numbers = run
        .samples(GRID)
        .into_data()
        .try_to_vec::<f32>()
        .map_err(|e| format!("{e:?}"))?;
    let file = out.join(format!("samples-{:07}.png", run.iteration()));
    files::write_grid(&file, &Images::from_numbers(&numbers), ACROSS).map_err(|e| e.to_string())
}

/// `log.jsonl` in the output folder, and a line of progress on standard output.
struct Log {
    file: fs::File,
    last: Option<(Instant, u64)>,
}

impl Log {
    fn open(out: &Path) -> Result<Self, String> {
        let path = out.join("log.jsonl");
        let file = fs::OpenOptions::new().create(true).append(true).open(&path);
        let file = file.map_err(|e| format!("cannot write {}: {e}", path.display()))?;
        Ok(Self { file, last: None })
    }

    fn event(&mut self, value: &serde_json::Value) -> Result<(), String> {
        writeln!(self.file, "{value}").map_err(|e| format!("cannot write the log: {e}"))
    }

    fn report(&mut self, p: &Progress, spec: &TrainSpec) -> Result<(), String> {
        let now = Instant::now();
        let rate = self.last.map(|(then, iteration)| {
            (p.iteration - iteration) as f64 / (now - then).as_secs_f64().max(1e-9)
        });
        self.last = Some((now, p.iteration));
        self.event(&json!({
            "event": "report",
            "iteration": p.iteration,
            "images": p.images,
            "seconds": p.seconds,
            "loss": p.loss,
            "generator": p.generator,
            "gap": p.gap,
            "gradient": p.gradient,
            "learning_rate": p.learning_rate,
            "acceptance": p.acceptance,
        }))?;
        let speed = rate.map_or(String::new(), |rate| {
            let left = (spec.iterations - p.iteration) as f64 / rate / 60.0;
            format!(
                "  {:.1} images/s  {left:.0} min left",
                rate * spec.batch as f64
            )
        });
        let named = |name, value: Option<f32>| {
            value.map_or(String::new(), |value| format!("  {name} {value:+.4}"))
        };
        let answer = named("generator", p.generator) + &named("gap", p.gap);
        let line = format!(
            "{:>7} of {}  loss {:+.4}{answer}  |g| {:.3}  lr {:.1e}{speed}",
            p.iteration, spec.iterations, p.loss, p.gradient, p.learning_rate
        );
        let mut out = std::io::stdout().lock();
        let text = match out.is_terminal() {
            true => format!("\r{line}\x1b[K"),
            false => format!("{line}\n"),
        };
        out.write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .map_err(|e| format!("cannot write the report: {e}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_others_refused() {
        assert_eq!(parse_time("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_time("25m"), Ok(Duration::from_secs(1500)));
        assert_eq!(parse_time("2h"), Ok(Duration::from_secs(7200)));
        for bad in ["", "m", "25", "1.5h", "-1s", "99999999999999999999h", "é"] {
            assert!(parse_time(bad).is_err(), "{bad}");
        }
    }
}
