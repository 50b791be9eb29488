//! Training objectives: where the negative samples of a contrast come from.
//!
//! Invariant: every objective minimises `mean E(data) - mean E(negatives)`, whose gradient is that of
//! the negative log-likelihood when the negatives are draws from the model. They differ in the
//! negatives only, and each file here is one way to get them.

mod adam;
mod buffer;
mod cd;
mod contrast;
mod da_ebm;
mod pcd;

pub use adam::{Adam, AdamSettings, clip_to_norm, learning_rate};
pub use buffer::ReplayBuffer;
pub use contrast::{Contrast, contrast};

use crate::diffusion::Schedule;
use crate::energy::{Mlp, membership_of_labels};
use crate::rng::{Draws, Stream};
use crate::sampler::{JumpKind, Kernel, Labelled};
use crate::settings::{Key, Settings};
use burn::tensor::{Device, Tensor, TensorData};

/// What an objective may use to find its negatives at one iteration.
pub struct Update<'a> {
    pub model: &'a Mlp,
    /// `[levels]` proposal deviations.
    pub steps: &'a Tensor<1>,
    pub kernel: Kernel,
    pub jump: JumpKind,
    /// Transitions per update, K.
    pub transitions: usize,
    /// The batch of (diffused) data, `[n, 2]` and `[n, levels]`.
    pub data: &'a Labelled,
    pub seed: u64,
    pub iteration: u64,
    /// Chance that a picked chain is re-started.
    pub reinit: f64,
    pub device: &'a Device,
}

/// The negatives of one iteration.
pub struct Negatives {
    pub chains: Labelled,
    /// `[levels, 2]`: accepted shares summed over the chains of each level, and their number.
    pub acceptance: Tensor<2>,
    /// Places after each of the last transitions, oldest first, `[at most TAIL, n, 2]`.
    pub trail: Tensor<3>,
}

/// A way to find negatives.
pub trait Objective {
    fn negatives(&mut self, update: &Update) -> Negatives;

    /// The chains that persist between iterations, if any do.
    fn buffer(&self) -> Option<&ReplayBuffer> {
        None
    }

    /// Puts back the chains of a checkpoint.
    fn restore(&mut self, _buffer: ReplayBuffer) {}
}

/// The noise schedule that the settings ask for: a single clean level for methods without one.
pub fn schedule(settings: &Settings) -> Schedule {
    match settings.choice(Key::Method) {
        "da-ebm" => Schedule::cumulative_ramp(
            settings.int(Key::Levels),
            settings.float(Key::RampFirst),
            settings.float(Key::RampLast),
        ),
        _ => Schedule::clean(),
    }
}

/// The proposal deviation of each level that the settings ask for: the step size itself on a
/// single level; times sqrt(beta_t) with noise levels, level 0 taking level 1's (DA-EBM, released
/// code).
pub fn initial_steps(settings: &Settings, schedule: &Schedule) -> Vec<f32> {
    let size = settings.float(Key::StepSize);
    let levels = schedule.levels();
    (0..levels)
        .map(|t| match levels {
            1 => size as f32,
            _ => (size * schedule.beta(t.max(1)).sqrt()) as f32,
        })
        .collect()
}

/// How far adaptation may raise a step beyond its level's own noise. While an energy is still smooth
/// nearly every long step is accepted, and chains that have learned to leap miss the narrow wells
/// that form then: training runs away.
const LEAP: f64 = 4.0;

/// Largest proposal deviation of any level.
const LONGEST_STEP: f32 = 1.5;

/// The ceiling of adapted proposal deviations, `[levels]`. A single level has no noise to go by.
pub fn step_ceilings(schedule: &Schedule) -> Vec<f32> {
    let levels = schedule.levels();
    (0..levels)
        .map(|t| match levels {
            1 => LONGEST_STEP,
            _ => LONGEST_STEP.min((LEAP * schedule.beta(t.max(1)).sqrt()) as f32),
        })
        .collect()
}

/// The objective that the settings ask for. `data` gives clean samples for chains that start there.
pub fn objective(
    settings: &Settings,
    schedule: &Schedule,
    data: impl Fn(usize, &Draws) -> Vec<[f32; 2]>,
    device: &Device,
) -> Box<dyn Objective> {
    let seed = settings.int(Key::Seed) as u64;
    let size = settings.int(Key::Buffer).max(settings.int(Key::Chains));
    let draws = Draws::new(seed, Stream::BufferStart, 0);
    let start = match settings.choice(Key::Start) {
        "data" => Start::Data,
        _ => Start::Noise,
    };
    let levels = schedule.levels();
    // Equal blocks of labels, as in the released code.
    let labels: Vec<usize> = (0..size).map(|i| i * levels / size).collect();
    let buffer = || {
        let noise = draws.normals(2 * size);
        let places = match start {
            Start::Noise => noise,
            Start::Data => {
                let clean = data(size, &Draws::new(seed, Stream::Data, u64::MAX));
                schedule.diffuse(&clean, &labels, &noise)
            }
        };
        ReplayBuffer::new(
            points(places, device),
            membership_of_labels(&labels, levels, device),
        )
    };
    match settings.choice(Key::Method) {
        "cd" => Box::new(cd::ContrastiveDivergence { start: Start::Data }),
        "short-run" => Box::new(cd::ContrastiveDivergence {
            start: Start::Noise,
        }),
        "pcd" => Box::new(pcd::PersistentContrastiveDivergence {
            start,
            buffer: buffer(),
        }),
        _ => Box::new(da_ebm::DaEbm {
            start,
            buffer: buffer(),
        }),
    }
}

/// Where a chain begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Noise,
    Data,
}

/// `[n, 2]` points from their coordinates, row by row.
fn points(coordinates: Vec<f32>, device: &Device) -> Tensor<2> {
    let n = coordinates.len() / 2;
    Tensor::from_data(TensorData::new(coordinates, [n, 2]), device)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
