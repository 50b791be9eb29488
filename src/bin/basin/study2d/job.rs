//! One run of a study.

use basin::engine::{Checkpoint, Train2d, Way, block_on, fresh_samples, mode_masses, squared_mmd};
use basin::metric::modes::total_variation;
use basin::metric::truth2d;
use basin::protocol::Report;
use basin::rng::{Draws, Stream};
use basin::settings::{Key, Preset, Settings, Size, Value};
use burn::tensor::Device;
use serde::{Deserialize, Deserializer, Serialize};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Cells per side of the grid of a run's reports, and of its final metrics.
const GRID: i64 = 64;
const FINAL_GRID: usize = 256;

/// Iterations between two looks at the clock, and between two reports.
const SLICE: u64 = 10;
const REPORT: u64 = 250;

/// Time between two checkpoints.
const SAVE: Duration = Duration::from_secs(30);

/// Seconds of training after which the first guess of the speed is good enough to set the length.
const WARM: f64 = 1.0;

/// Samples drawn at the end; visits to t = 0 of joint models' chains, and Langevin steps of others.
const SAMPLES: usize = 2000;
/// Samples of a generator, which cost next to nothing, and most that are compared by the MMD.
const GENERATED: usize = 10_000;
const COMPARED: usize = 1000;
const VISITS: u64 = 5;
const LANGEVIN: u64 = 1000;
const LIMIT: u64 = 2000;

/// KL(truth ‖ model) whose first reaching is timed.
const LEARNED: f32 = 0.1;

/// A run to be done.
pub struct Job {
    pub density: &'static str,
    pub method: &'static str,
    pub seed: u64,
    budget: Duration,
    file: PathBuf,
}

/// What a run came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    pub density: String,
    pub method: String,
    pub seed: u64,
    /// Seconds of training asked for.
    pub budget: f64,
    #[serde(deserialize_with = "number")]
    pub kl_truth_model: f32,
    #[serde(deserialize_with = "number")]
    pub kl_model_truth: f32,
    /// Total variation of the model's mode masses from the true ones, and of the samples'.
    #[serde(deserialize_with = "number")]
    pub mass_error: f32,
    #[serde(deserialize_with = "number")]
    pub mass_error_samples: f32,
    /// Number of samples drawn; fewer than asked for where chains gave none in time.
    #[serde(default)]
    pub samples: Option<usize>,
    /// Largest relative error of a mode's share of the samples.
    #[serde(deserialize_with = "number")]
    pub worst_mode_samples: f32,
    /// Share of the samples within 4 deviations of a mode.
    #[serde(deserialize_with = "number")]
    pub samples_on_modes: f32,
    /// Squared maximum mean discrepancy of samples and data.
    #[serde(deserialize_with = "number")]
    pub mmd_samples: f32,
    /// Deviation of the model's modes over that of the truth's, the median over modes; of each only what
    /// lies within 4 deviations.
    #[serde(default = "unknown", deserialize_with = "number")]
    pub width_of_modes: f32,
    pub iterations: u64,
    pub seconds: f64,
    /// Network evaluations of one iteration, points counted one by one.
    pub evaluations: u64,
    /// Seconds of training until KL(truth ‖ model) was first seen below 0.1.
    pub seconds_to_learn: Option<f64>,
    /// The iteration by which training had run away; the numbers are then of the last good state.
    pub ran_away: Option<u64>,
}

/// JSON has no NaN: it is written as null, and read back here.
fn number<'de, D: Deserializer<'de>>(from: D) -> Result<f32, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or(f32::NAN))
}

/// Of rows written before this was measured.
fn unknown() -> f32 {
    f32::NAN
}

pub enum Outcome {
    Done(Box<Row>),
    Stopped,
}

impl Job {
    pub fn new(
        density: &'static str,
        method: &'static str,
        seed: u64,
        budget: Duration,
        folder: &Path,
    ) -> Self {
        Self {
            file: file(folder, density, method, seed, budget),
            density,
            method,
            seed,
            budget,
        }
    }

    pub fn name(&self) -> String {
        format!("{} on {}, seed {}", self.method, self.density, self.seed)
    }

    /// Whether `row` is what this job would come to.
    pub fn gave(&self, row: &Row) -> bool {
        (row.density.as_str(), row.method.as_str(), row.seed)
            == (self.density, self.method, self.seed)
            && row.budget == self.budget.as_secs_f64()
    }

    fn settings(&self) -> Result<Settings, String> {
        let preset = Preset::of(self.density, self.method, Size::Standard)
            .ok_or("there is no such preset")?;
        let mut settings = preset.settings();
        settings.set(Key::Seed, Value::Int(self.seed as i64));
        settings.set(Key::Grid, Value::Int(GRID));
        Ok(settings)
    }

    /// The checkpoint that this run was stopped at, if there is one.
    ///
    /// # Errors
    /// If it cannot be read, or is of other settings than this run's: the presets have changed since.
    pub fn begun(&self) -> Result<Option<Checkpoint>, String> {
        let path = self.file.display();
        let bytes = match std::fs::read(&self.file) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(format!("cannot read {path}: {e}")),
        };
        let found = Checkpoint::from_bytes(&bytes).map_err(|e| format!("{path}: {e}"))?;
        let mine = self.settings()?;
        let mut other = found.settings.differences(&mine);
        // The budget may leave less of the length.
        let shorter = found.settings.int(Key::Iterations) < mine.int(Key::Iterations);
        other.retain(|key| !(shorter && *key == Key::Iterations));
        if other.is_empty() {
            return Ok(Some(found));
        }
        let names: Vec<&str> = other.iter().map(|key| key.row().name).collect();
        Err(format!(
            "{path} is of a run with other settings ({}): move it away, or give another --runs",
            names.join(", ")
        ))
    }

    /// Trains until the preset's length or the budget is reached, or `stopped`.
    pub fn run(&self, stopped: &impl Fn() -> bool) -> Result<Outcome, String> {
        let mut run = match self.begun()? {
            Some(found) => Train2d::resume(found, Device::flex()),
            None => Train2d::new(self.settings()?, Device::flex()),
        }
        .map_err(|e| e.to_string())?;
        let length = self.settings()?.int(Key::Iterations) as u64;
        let mut good = checkpoint(&run)?;
        let mut saved = Instant::now();
        // When a resumed run has learned already, nobody knows when.
        let resumed = run.iteration() > 0;
        let mut timed = match resumed {
            true => {
                let first = block_on(run.report(None)).map_err(|e| e.to_string())?;
                first.kl_truth_model >= LEARNED
            }
            false => true,
        };
        let (mut learned, mut ran_away) = (None, None);
        let mut reported = run.iteration();
        while !run.finished() && ran_away.is_none() {
            block_on(run.advance(SLICE)).map_err(|e| e.to_string())?;
            self.pace(&mut run, length);
            if run.iteration() - reported < REPORT && !run.finished() && !stopped() {
                continue;
            }
            reported = run.iteration();
            let report = block_on(run.report(None)).map_err(|e| e.to_string())?;
            if timed && report.kl_truth_model < LEARNED {
                timed = false;
                learned = Some(run.seconds());
            }
            let newest = checkpoint(&run)?;
            let limit = run.settings().loss_limit();
            if report.runaway(limit).is_some() || !newest.healthy() {
                ran_away = Some(run.iteration());
                run = Train2d::resume(good.clone(), Device::flex()).map_err(|e| e.to_string())?;
                break;
            }
            good = newest;
            if stopped() || saved.elapsed() > SAVE {
                self.save(&good)?;
                saved = Instant::now();
            }
            if stopped() {
                return Ok(Outcome::Stopped);
            }
        }
        self.save(&checkpoint(&run)?)?;
        let row = self.measure(&mut run, learned, ran_away)?;
        Ok(Outcome::Done(Box::new(row)))
    }

    /// Shortens the run to what fits the budget at the speed so far. Only before the learning rate
    /// first drops: after that the length is settled, and the run equals one of that length from
    /// the start.
    fn pace(&self, run: &mut Train2d, length: u64) {
        let (done, seconds) = (run.iteration(), run.seconds());
        let budget = self.budget.as_secs_f64();
        let share = done as f64 / run.settings().int(Key::Iterations) as f64;
        let from = run.settings().int(Key::DecayFrom) as f64 / 100.0;
        if seconds < WARM.min(budget / 4.0) || share >= from.min(seconds / budget + 0.5) {
            return;
        }
        let fits = (done as f64 / seconds * budget) as u64;
        let mut settings = run.settings().clone();
        let fits = fits.clamp(done + 1, length.max(done + 1));
        settings.set(Key::Iterations, Value::Int(fits as i64));
        run.configure(settings);
    }

    fn save(&self, checkpoint: &Checkpoint) -> Result<(), String> {
        let new = self.file.with_extension("new");
        std::fs::write(&new, checkpoint.to_bytes())
            .and_then(|()| std::fs::rename(&new, &self.file))
            .map_err(|e| format!("cannot write {}: {e}", self.file.display()))
    }

    fn measure(
        &self,
        run: &mut Train2d,
        learned: Option<f64>,
        ran_away: Option<u64>,
    ) -> Result<Row, String> {
        let report: Report = block_on(run.report(Some(FINAL_GRID))).map_err(|e| e.to_string())?;
        let way = Way::of(run.settings());
        let count = if way.ends() { GENERATED } else { SAMPLES };
        let visits = match way {
            Way::Langevin => LANGEVIN.div_ceil(run.settings().int(Key::Steps) as u64),
            _ => VISITS,
        };
        let fresh =
            block_on(fresh_samples(run, count, visits, LIMIT)).map_err(|e| e.to_string())?;
        let samples = &fresh.points;
        let density = run.density();
        let truth: Vec<f32> = density.modes().into_iter().map(|(_, mass)| mass).collect();
        let shares = mode_masses(density, samples);
        let data = density.sample(
            COMPARED,
            &Draws::new(self.seed, Stream::Evaluation, u64::MAX),
        );
        let on_modes = samples.iter().filter(|x| density.covers(**x)).count();
        let relative = shares.iter().zip(&truth).map(|(p, q)| (p / q - 1.0).abs());
        let worst = match samples.is_empty() {
            true => f32::NAN,
            false => relative.fold(0.0, f32::max),
        };
        Ok(Row {
            density: self.density.into(),
            method: self.method.into(),
            seed: self.seed,
            budget: self.budget.as_secs_f64(),
            kl_truth_model: report.kl_truth_model,
            kl_model_truth: report.kl_model_truth,
            mass_error: total_variation(&report.mass_model, &truth),
            mass_error_samples: total_variation(&shares, &truth),
            samples: Some(samples.len()),
            worst_mode_samples: worst,
            samples_on_modes: on_modes as f32 / samples.len() as f32,
            mmd_samples: squared_mmd(&samples[..samples.len().min(COMPARED)], &data),
            width_of_modes: width_of_modes(run)?,
            iterations: report.iteration,
            seconds: report.seconds,
            evaluations: run.settings().evaluations(),
            seconds_to_learn: learned,
            ran_away,
        })
    }
}

/// See [`Row::width_of_modes`].
fn width_of_modes(run: &Train2d) -> Result<f32, String> {
    const HALF: f32 = 5.5;
    let density = run.density();
    let modes = density.modes().len();
    let mode = density.mode_grid([0.0, 0.0], HALF, FINAL_GRID);
    let at = |i: usize| ((i as f32 + 0.5) / FINAL_GRID as f32 * 2.0 - 1.0) * HALF;
    let cells = 0..FINAL_GRID * FINAL_GRID;
    let places: Vec<[f32; 2]> = cells
        .map(|k| [at(k % FINAL_GRID), at(k / FINAL_GRID)])
        .collect();
    let variances = |mut log_density: Vec<f32>| {
        for (log, place) in log_density.iter_mut().zip(&places) {
            if !density.covers(*place) {
                *log = f32::NEG_INFINITY;
            }
        }
        truth2d::variances(&log_density, &places, &mode, modes)
    };
    let model = block_on(run.log_density_on(HALF, FINAL_GRID)).map_err(|e| e.to_string())?;
    let truth = density.log_density_grid([0.0, 0.0], HALF, FINAL_GRID, 1.0, 0.0);
    let ratios = variances(model).into_iter().zip(variances(truth));
    let mut widths: Vec<f64> = ratios
        .map(|(model, truth)| (model / truth).sqrt())
        .collect();
    widths.sort_by(f64::total_cmp);
    Ok(widths[widths.len() / 2] as f32)
}

/// The checkpoint of a run.
pub fn file(folder: &Path, density: &str, method: &str, seed: u64, budget: Duration) -> PathBuf {
    let seconds = budget.as_secs_f64();
    folder.join(format!(
        "{density}-{method}-seed{seed}-{seconds}s.safetensors"
    ))
}

fn checkpoint(run: &Train2d) -> Result<Checkpoint, String> {
    block_on(run.checkpoint()).map_err(|e| e.to_string())
}
