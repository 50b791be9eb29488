//! Training an energy of the plane.
//!
//! Invariant: iteration i of a run depends on its settings, its state after i - 1 iterations and
//! draws keyed by i; not on when it is observed, drawn or checkpointed.

use super::checkpoint::{Checkpoint, CheckpointError};
use super::report::Truth;
use super::view::ViewCache;
use super::{Reading, read};
use crate::data::Density;
use crate::diffusion::Schedule;
use crate::energy::{Architecture, Mlp, membership_of_labels};
use crate::objective::{
    Adam, AdamSettings, Averaged, Objective, ReplayBuffer, Update, initial_steps, objective,
    rate_factor, step_ceilings,
};
use crate::protocol::Started;
use crate::rng::{Draws, Stream};
use crate::sampler::{JumpKind, Kernel, Labelled, adapt};
use crate::settings::{Key, Settings};
use burn::tensor::{Device, ExecutionError, Tensor, TensorData};
use std::fmt;
use std::pin::Pin;
use std::time::Duration;
use web_time::Instant;

/// Iterations between two adaptations of the step sizes, as in the released image code (its 2D
/// code waits 500, and chains that lag behind their energy that long let training run away).
pub const ADAPT_EVERY: u64 = 100;

/// Why a run cannot start or go on.
#[derive(Debug)]
pub enum TrainError {
    /// The data set cannot be built from the settings.
    Data(String),
    /// A file does not fit.
    Checkpoint(CheckpointError),
    /// The device failed to give back results.
    Device(String),
}

impl fmt::Display for TrainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(message) => f.write_str(message),
            Self::Checkpoint(error) => error.fmt(f),
            Self::Device(message) => write!(f, "the device failed: {message}"),
        }
    }
}

impl std::error::Error for TrainError {}

impl From<ExecutionError> for TrainError {
    fn from(error: ExecutionError) -> Self {
        Self::Device(format!("{error:?}"))
    }
}

/// What waits for the device, and fails if it gives no answer.
pub type Fence = Pin<Box<dyn Future<Output = Result<(), TrainError>>>>;

/// A run: an energy of the plane, its optimiser and its chains.
pub struct Train2d {
    pub(super) settings: Settings,
    pub(super) density: Density,
    pub(super) schedule: Schedule,
    pub(super) architecture: Architecture,
    pub(super) device: Device,
    flat: Tensor<1>,
    /// Running average of the weights, where the settings ask for one.
    average: Option<Tensor<1>>,
    adam: Adam,
    pub(super) objective: Box<dyn Objective<Mlp>>,
    /// `[levels]` proposal deviations.
    pub(super) steps: Tensor<1>,
    iteration: u64,
    seconds: f64,
    /// `[levels, 2]` accepted shares and moves since the last adaptation, and since the last report.
    window: Tensor<2>,
    pub(super) since_report: Tensor<2>,
    /// Whether a report has told of the latter, so that the next moves begin it anew.
    reported: bool,
    pub(super) losses: Vec<Tensor<1>>,
    pub(super) gradient: Option<Tensor<1>>,
    /// The last update's negatives and the ends of their paths, for drawing.
    pub(super) chains: Option<Labelled>,
    pub(super) trail: Option<Tensor<3>>,
    pub(super) truth: Truth,
    pub(super) view: ViewCache,
}

impl Train2d {
    /// A run at iteration 0.
    ///
    /// # Errors
    /// If the data set cannot be built: the visitor's own points are missing.
    pub fn new(settings: Settings, device: Device) -> Result<Self, TrainError> {
        let density = Density::from_settings(&settings).map_err(TrainError::Data)?;
        let schedule = Schedule::from_settings(&settings);
        let architecture = Architecture::from_settings(&settings);
        let seed = settings.int(Key::Seed) as u64;
        let weights = architecture.init(seed);
        let flat = Tensor::from_data(weights.as_slice(), &device);
        let flat: Tensor<1> = flat;
        let objective = objective(&settings, &schedule, &density, &device);
        let levels = schedule.levels();
        Ok(Self {
            adam: Adam::new(weights.len(), &device),
            steps: Tensor::from_data(initial_steps(&settings, &schedule).as_slice(), &device),
            truth: Truth::new(&density, settings.int(Key::Grid)),
            window: Tensor::zeros([levels, 2], &device),
            since_report: Tensor::zeros([levels, 2], &device),
            reported: false,
            iteration: 0,
            seconds: 0.0,
            losses: Vec::new(),
            gradient: None,
            average: (settings.float(Key::Ema) > 0.0).then(|| flat.clone()),
            chains: None,
            trail: None,
            view: ViewCache::default(),
            settings,
            density,
            schedule,
            architecture,
            device,
            flat,
            objective,
        })
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Iterations done.
    pub fn iteration(&self) -> u64 {
        self.iteration
    }

    /// Seconds spent on them.
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// Whether the run has reached its length.
    pub fn finished(&self) -> bool {
        self.iteration >= self.settings.int(Key::Iterations) as u64
    }

    /// The network at its present weights, or at their average where the settings ask for one.
    pub fn model(&self) -> Mlp {
        let shown = self.average.as_ref().unwrap_or(&self.flat);
        self.network(shown)
    }

    /// The network at these weights, with kernels if the settings say so.
    fn network(&self, weights: &Tensor<1>) -> Mlp {
        match self.settings.on(Key::Kernels) {
            true => Mlp::new(&self.architecture, weights),
            false => Mlp::by_operations(&self.architecture, weights),
        }
    }

    pub fn device(&self) -> &Device {
        &self.device
    }

    pub fn density(&self) -> &Density {
        &self.density
    }

    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// The chains that persist, or the last update's where none do.
    pub(super) fn standing_chains(&self) -> Option<&Labelled> {
        self.objective
            .buffer()
            .map(|b| &b.chains)
            .or(self.chains.as_ref())
    }

    /// The facts of the run.
    pub fn started(&self) -> Started {
        Started {
            settings: self.settings.clone(),
            iteration: self.iteration,
            parameters: self.architecture.layout().parameters() as u64,
            levels: self.schedule.levels() as u32,
            modes: self.density.modes(),
        }
    }

    /// Uses new values of live and view settings. The caller starts a new run where
    /// [`Settings::needs_reset`] says so.
    pub fn configure(&mut self, settings: Settings) {
        let ratio = settings.float(Key::StepSize) / self.settings.float(Key::StepSize);
        if ratio != 1.0 {
            self.steps = self.steps.clone() * ratio;
        }
        if settings.int(Key::Grid) != self.settings.int(Key::Grid) {
            self.truth = Truth::new(&self.density, settings.int(Key::Grid));
        }
        self.settings = settings;
    }

    /// Does `count` iterations, or fewer if the run's length comes first, and waits for the device.
    ///
    /// # Errors
    /// If the device fails to answer.
    pub async fn advance(&mut self, count: u64) -> Result<(), TrainError> {
        let began = Instant::now();
        if let Some(done) = self.begin(count) {
            done.await?;
        }
        self.spend(began.elapsed());
        Ok(())
    }

    /// As [`Train2d::advance`], but gives what waits for the device, if there is anything to wait for. The
    /// caller waits for it before the device's queue gets long, and says how long that took.
    pub fn begin(&mut self, count: u64) -> Option<Fence> {
        for _ in 0..count {
            if self.finished() {
                break;
            }
            self.iterate();
            if self.iteration.is_multiple_of(ADAPT_EVERY) {
                self.adapt_steps();
            }
        }
        self.fence()
    }

    /// Counts time spent on iterations.
    pub fn spend(&mut self, time: Duration) {
        self.seconds += time.as_secs_f64();
    }

    /// What waits until the device has done what was asked of it so far; `None` if it has.
    pub fn fence(&self) -> Option<Fence> {
        let done = crate::kernel::fence(&self.flat)?;
        Some(Box::pin(async { done.await.map_err(TrainError::Device) }))
    }

    /// The Markov kernel of the settings; warm-up accepts every move.
    fn kernel(&self) -> Kernel {
        if self.iteration < self.settings.int(Key::Warmup) as u64 {
            return Kernel::Ula;
        }
        kernel(&self.settings)
    }

    fn iterate(&mut self) {
        let s = &self.settings;
        let data = self.data_batch();
        let flat = self.flat.clone();
        let factor = rate_factor(s, self.iteration);
        let adam = |rate: Key| AdamSettings {
            learning_rate: s.float(rate) * factor,
            beta1: s.float(Key::Beta1),
            beta2: s.float(Key::Beta2),
        };
        let (clip, memory) = (s.float(Key::Clip), s.float(Key::Ema));
        let update = Update {
            model: &self.network(&flat),
            steps: &self.steps,
            kernel: self.kernel(),
            jump: match s.choice(Key::Jump) {
                "local" => JumpKind::Local,
                "none" => JumpKind::Stay,
                _ => JumpKind::Global,
            },
            transitions: s.int(Key::Steps),
            data: &data,
            seed: s.int(Key::Seed) as u64,
            iteration: self.iteration,
            reinit: s.float(Key::Reinit),
            proposals: s.int(Key::Proposals),
            correction: s.int(Key::Correction),
            entropy: s.float(Key::Entropy),
            other: adam(Key::GeneratorRate),
            clip,
            memory,
            device: &self.device,
        };
        let found = self.objective.descend(&update);
        let rates = adam(Key::LearningRate);
        let average = self.average.as_mut().map(|average| Averaged {
            average,
            memory,
            iteration: self.iteration,
        });
        let mut weights = flat.clone();
        let norm = self.adam.descend(
            &mut weights,
            average,
            found.contrast.gradient,
            clip,
            rates,
            s.on(Key::Kernels),
        );
        self.flat = weights;
        let moved_on = self.network(&self.flat);
        self.objective.respond(&update, &moved_on);
        // A report takes the losses; what it said of the acceptance holds until the next iteration.
        self.reported |= self.losses.is_empty();
        if let Some(moved) = found.moved {
            self.window = self.window.clone() + moved.acceptance.clone();
            self.since_report = match std::mem::take(&mut self.reported) {
                true => moved.acceptance,
                false => self.since_report.clone() + moved.acceptance,
            };
            self.trail = Some(moved.trail);
            self.chains = Some(moved.chains);
        }
        self.losses.push(found.contrast.loss);
        self.gradient = Some(norm);
        self.iteration += 1;
    }

    /// A batch of data, each point diffused to a uniformly drawn level.
    fn data_batch(&self) -> Labelled {
        let seed = self.settings.int(Key::Seed) as u64;
        let n = self.settings.int(Key::Chains);
        let levels = self.schedule.levels();
        let of = |stream| Draws::new(seed, stream, self.iteration);
        let clean = self.density.sample(n, &of(Stream::Data));
        let pick = of(Stream::DataLevel);
        let labels: Vec<usize> = (0..n)
            .map(|i| pick.below(i as u32, levels as u32) as usize)
            .collect();
        let noise = of(Stream::DataNoise).normals(2 * n);
        let x = self.schedule.diffuse(&clean, &labels, &noise);
        Labelled {
            x: Tensor::from_data(TensorData::new(x, [n, 2]), &self.device),
            member: membership_of_labels(&labels, levels, &self.device),
        }
    }

    /// Moves of the warm-up, all accepted, say nothing of the steps.
    fn adapt_steps(&mut self) {
        let empty = Tensor::zeros([self.schedule.levels(), 2], &self.device);
        let window = std::mem::replace(&mut self.window, empty);
        let warm = self.iteration >= self.settings.int(Key::Warmup) as u64 + ADAPT_EVERY;
        if self.settings.on(Key::Adapt) && warm && self.kernel() != Kernel::Ula {
            let ceilings = step_ceilings(&self.schedule);
            let ceilings = Tensor::from_data(ceilings.as_slice(), &self.device);
            self.steps = adapt(self.steps.clone(), window, ceilings);
        }
    }

    /// Everything the run depends on.
    ///
    /// # Errors
    /// If the device fails to give it back.
    pub async fn checkpoint(&self) -> Result<Checkpoint, TrainError> {
        let mut readings: Vec<Reading> = vec![
            self.flat.clone().into(),
            self.adam.first.clone().into(),
            self.adam.second.clone().into(),
            self.window.clone().into(),
            self.steps.clone().into(),
        ];
        if let Some(buffer) = self.objective.buffer() {
            readings.push(buffer.chains.x.clone().into());
            readings.push(buffer.chains.member.clone().into());
        }
        let has_buffer = self.objective.buffer().is_some();
        let has_average = self.average.is_some();
        readings.extend(self.average.clone().map(Reading::from));
        let others = self.objective.arrays().into_iter();
        readings.extend(others.map(|(_, array)| Reading::from(array)));
        let mut data = read(readings).await?.into_iter();
        let mut next = || data.next().unwrap_or_default();
        Ok(Checkpoint {
            settings: self.settings.clone(),
            iteration: self.iteration,
            seconds: self.seconds,
            weights: next(),
            first: next(),
            second: next(),
            adam_steps: self.adam.steps,
            window: next(),
            steps: next(),
            chains: if has_buffer { next() } else { Vec::new() },
            members: if has_buffer { next() } else { Vec::new() },
            average: if has_average { next() } else { Vec::new() },
            others: data.collect(),
        })
    }

    /// A run that goes on from a checkpoint.
    ///
    /// # Errors
    /// If the checkpoint's arrays do not fit its settings.
    pub fn resume(checkpoint: Checkpoint, device: Device) -> Result<Self, TrainError> {
        checkpoint.validate().map_err(TrainError::Checkpoint)?;
        let mut run = Self::new(checkpoint.settings, device)?;
        let vector = |v: &[f32]| Tensor::<1>::from_data(v, &run.device);
        run.flat = vector(&checkpoint.weights);
        run.adam = Adam {
            first: vector(&checkpoint.first),
            second: vector(&checkpoint.second),
            steps: checkpoint.adam_steps,
        };
        let levels = run.schedule.levels();
        let matrix = |v: Vec<f32>, columns: usize| {
            let rows = v.len() / columns;
            Tensor::<2>::from_data(TensorData::new(v, [rows, columns]), &run.device)
        };
        run.window = matrix(checkpoint.window, 2);
        if run.objective.buffer().is_some() {
            run.objective.restore(ReplayBuffer::new(
                matrix(checkpoint.chains, 2),
                matrix(checkpoint.members, levels),
            ));
        }
        if run.average.is_some() {
            run.average = Some(vector(&checkpoint.average));
        }
        let others = checkpoint.others.iter().map(|v| vector(v)).collect();
        run.objective.restore_arrays(others, checkpoint.adam_steps);
        run.steps = vector(&checkpoint.steps);
        run.iteration = checkpoint.iteration;
        run.seconds = checkpoint.seconds;
        Ok(run)
    }
}

/// The Markov kernel that the settings name.
pub(super) fn kernel(settings: &Settings) -> Kernel {
    match settings.choice(Key::Sampler) {
        "ula" => Kernel::Ula,
        "hmc" => Kernel::Hmc {
            leapfrog: settings.int(Key::Leapfrog),
        },
        _ => Kernel::Mala,
    }
}

/// Mean acceptance per level from `[levels, 2]` sums and counts; NaN where nothing moved.
pub(super) fn rates(sums: &[f32]) -> Vec<f32> {
    sums.chunks_exact(2).map(|pair| pair[0] / pair[1]).collect()
}

#[cfg(test)]
#[path = "train2d_tests.rs"]
mod tests;
