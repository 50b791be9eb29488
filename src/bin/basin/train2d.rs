//! `basin train2d`: the page's training run on the command line.

use crate::arguments;
use basin::app::words;
use basin::engine::{
    Checkpoint, Comparing, Train2d, TrainError, block_on, fresh_samples, mode_masses,
};
use basin::protocol::{ChainRun, Report};
use basin::settings::Key;
use burn::tensor::Device;
use clap::ArgMatches;
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The exit status of a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// Transitions after which chains that have not visited t = 0 often enough are given up.
const FRESH_LIMIT: u64 = 2000;

/// Iterations between two looks at Ctrl-C.
const SLICE: u64 = 10;

pub fn run(matches: &ArgMatches) -> Result<(), String> {
    let device = arguments::open_device(matches)?;
    let mut run = match matches.get_one::<PathBuf>("resume") {
        Some(path) => resume(path, matches, device)?,
        None => Train2d::new(arguments::settings(matches)?, device).map_err(|e| e.to_string())?,
    };

    let preset = run.settings().preset().name();
    let seed = run.settings().int(Key::Seed);
    let folder = matches
        .get_one::<PathBuf>("out")
        .cloned()
        .unwrap_or_default();
    let file = folder.join(format!("{preset}-seed{seed}.safetensors"));
    // Before hours of work, not after: a path that cannot be written is found now.
    std::fs::create_dir_all(&folder)
        .and_then(|()| save(&file.with_extension("probe"), b"probe"))
        .and_then(|()| std::fs::remove_file(file.with_extension("probe")))
        .map_err(|e| format!("cannot write to {}: {e}", folder.display()))?;

    let stop = watch_for_ctrl_c()?;
    let printer = Printer {
        json: matches.get_flag("json"),
    };
    let number = |name: &str| matches.get_one::<u64>(name).copied().unwrap_or(1);
    let save_every = Duration::from_secs(number("save-every"));
    let mut saved = Instant::now();
    let mut good = checkpoint(&run)?;
    while !run.finished() && !stop.load(Ordering::Relaxed) {
        let next = run.iteration() + number("report-every");
        while run.iteration() < next && !run.finished() && !stop.load(Ordering::Relaxed) {
            let slice = SLICE.min(next - run.iteration());
            block_on(run.advance(slice)).map_err(|e| e.to_string())?;
        }
        let report = block_on(run.report(None)).map_err(|e| e.to_string())?;
        if let Err(error) = printer.report(&report, run.settings().int(Key::Iterations)) {
            write_checkpoint(&file, &good)?;
            return Err(error);
        }
        if let Some(loss) = report.runaway(run.settings().loss_limit()) {
            write_checkpoint(&file, &good)?;
            stop.store(true, Ordering::Relaxed);
            let (away, kept) = (report.iteration, good.iteration);
            let device = run.device().clone();
            run = Train2d::resume(good, device).map_err(|e| e.to_string())?;
            finish(&mut run, matches, &printer, Some(away))?;
            return Err(format!(
                "training ran away by iteration {away} (loss {loss}); the checkpoint of iteration {kept} is in {}. \
                 Try a lower --lr, more --steps, or --clip 1",
                file.display()
            ));
        }
        // The loss of an iteration comes before its update: the weights can be lost already.
        let newest = checkpoint(&run)?;
        if newest.healthy() {
            good = newest;
        }
        if saved.elapsed() > save_every {
            write_checkpoint(&file, &good)?;
            saved = Instant::now();
        }
    }
    write_checkpoint(&file, &good)?;
    if stop.swap(true, Ordering::Relaxed) {
        eprintln!(
            "\nstopped at iteration {}; go on with --resume {}",
            good.iteration,
            file.display()
        );
        return Ok(());
    }
    finish(&mut run, matches, &printer, None)
}

/// Set by Ctrl-C. Where it is set already, because it was pressed before or the last checkpoint is
/// written, Ctrl-C ends the program.
pub fn watch_for_ctrl_c() -> Result<Arc<AtomicBool>, String> {
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if asked.swap(true, Ordering::Relaxed) {
            std::process::exit(INTERRUPTED);
        }
    })
    .map_err(|e| format!("cannot watch for Ctrl-C: {e}"))?;
    Ok(stop)
}

/// The run of a checkpoint, with the flags given: those that would start another run are refused.
fn resume(path: &Path, matches: &ArgMatches, device: Device) -> Result<Train2d, String> {
    let bytes = std::fs::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    let checkpoint =
        Checkpoint::from_bytes(&bytes).map_err(|e| format!("{}: {e}", path.display()))?;
    let mut settings = checkpoint.settings.clone();
    arguments::overrides(matches, &mut settings)?;
    let preset = settings.preset().name();
    let other = matches
        .get_one::<String>("preset")
        .is_some_and(|name| *name != preset);
    if other || checkpoint.settings.needs_reset(&settings) {
        return Err(format!(
            "{} is a run of {preset} with settings that a flag here would change: \
             leave that flag out, or start a new run without --resume",
            path.display()
        ));
    }
    let mut run = Train2d::resume(checkpoint, device).map_err(|e| e.to_string())?;
    run.configure(settings);
    Ok(run)
}

/// Final metrics: the finer grid, fresh samples and, if asked for, long chains. `ran_away` is the
/// iteration of a report that found the training out of bounds; the run is then the last one before it.
fn finish(
    run: &mut Train2d,
    matches: &ArgMatches,
    printer: &Printer,
    ran_away: Option<u64>,
) -> Result<(), String> {
    let grid = matches
        .get_one::<u16>("final-grid")
        .map(|&g| usize::from(g));
    let report = block_on(run.report(grid)).map_err(|e| e.to_string())?;
    let n = matches.get_one::<u32>("fresh").copied().unwrap_or(0) as usize;
    let visits = matches.get_one::<u64>("visits").copied().unwrap_or(1);
    let fresh = match n {
        0 => None,
        _ => Some(block_on(fresh_samples(run, n, visits, FRESH_LIMIT)).map_err(|e| e.to_string())?),
    };
    let buffer = block_on(run.buffer_masses()).map_err(|e| e.to_string())?;
    let (names, truth): (Vec<_>, Vec<_>) = run.density().modes().into_iter().unzip();
    let masses = fresh
        .as_ref()
        .map(|f| mode_masses(run.density(), &f.points));
    printer.last(&json!({
        "event": "final",
        "preset": run.settings().preset().name(),
        "seed": run.settings().int(Key::Seed),
        "ran_away": ran_away,
        "iterations": report.iteration,
        "seconds": report.seconds,
        "kl_truth_model": report.kl_truth_model,
        "kl_model_truth": report.kl_model_truth,
        "modes": names,
        "mass_truth": truth,
        "mass_model": report.mass_model,
        "mass_buffer": buffer,
        "mass_chains_at_zero": report.mass_chains,
        "mass_fresh": masses,
        "fresh_samples": fresh.as_ref().map(|f| f.points.len()),
        "fresh_transitions": fresh.as_ref().map(|f| f.transitions),
        "level_share": report.level_share,
        "step_size": report.step_size,
        "mmd": report.mmd,
        "log_z": report.log_z,
        "energy_gap": report.energy_gap,
        "grid": grid,
    }))?;
    match matches.get_flag("long-run") {
        true => long_run(run, printer),
        false => Ok(()),
    }
}

/// The page's comparison of short and long chains, to its end.
fn long_run(run: &Train2d, printer: &Printer) -> Result<(), String> {
    let comparison = block_on(async {
        let mut comparing = Comparing::start(run).await?;
        while !comparing.finished() {
            comparing.advance().await?;
        }
        Ok::<_, TrainError>(comparing.comparison())
    })
    .map_err(|e| e.to_string())?;
    let chains = |run: &ChainRun| {
        json!({
            "from": if run.from_data { "data" } else { "noise" },
            "steps": run.steps,
            "masses": run.masses,
            "mmd": run.mmd,
            "acceptance": run.acceptance,
            "ess": run.ess,
            "r_hat": run.r_hat,
        })
    };
    printer.last(&json!({
        "event": "long-run",
        "kl_truth_model": comparison.kl,
        "mass_truth": comparison.mass_truth,
        "mass_model": comparison.mass_model,
        "chains": comparison.runs.iter().map(chains).collect::<Vec<_>>(),
        "verdict": words::verdict(&comparison).text,
    }))
}

fn checkpoint(run: &Train2d) -> Result<Checkpoint, String> {
    block_on(run.checkpoint()).map_err(|e| e.to_string())
}

fn write_checkpoint(file: &Path, checkpoint: &Checkpoint) -> Result<(), String> {
    save(file, &checkpoint.to_bytes()).map_err(|e| format!("cannot write {}: {e}", file.display()))
}

/// Writes beside the file and renames, so that a full disk never costs the checkpoint before.
fn save(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let part = file.with_extension("part");
    let result = std::fs::write(&part, bytes).and_then(|()| std::fs::rename(&part, file));
    if result.is_err() {
        // Nothing to do if this fails too: the first error is the one to tell.
        let _ = std::fs::remove_file(&part);
    }
    result
}

/// Where output goes and how it looks.
struct Printer {
    json: bool,
}

impl Printer {
    fn report(&self, report: &Report, length: usize) -> Result<(), String> {
        if self.json {
            let mut value = serde_json::to_value(report).unwrap_or_default();
            if let Value::Object(object) = &mut value {
                object.insert("event".into(), "report".into());
            }
            return put(&format!("{value}\n"));
        }
        let rate = report.iteration as f64 / report.seconds.max(1e-9);
        let left = (length as f64 - report.iteration as f64) / rate;
        let line = format!(
            "{:>7} of {length}  loss {:+.4}  KL {:.4}  {rate:.1} it/s  {:.0} min left",
            report.iteration,
            report.losses.last().copied().unwrap_or(f32::NAN),
            report.kl_truth_model,
            left / 60.0,
        );
        match std::io::stdout().is_terminal() {
            true => put(&format!("\r{line}\x1b[K")),
            false => put(&format!("{line}\n")),
        }
    }

    fn last(&self, value: &Value) -> Result<(), String> {
        if self.json {
            return put(&format!("{value}\n"));
        }
        let entries = value.as_object().into_iter().flatten();
        let lines: String = entries
            .map(|(name, value)| format!("{name:>18}  {value}\n"))
            .collect();
        put(&format!("\n{lines}"))
    }
}

/// Writes to standard output, which may be a full disk or a closed pipe.
fn put(text: &str) -> Result<(), String> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|e| format!("cannot write the report: {e}"))
}
