//! Training objectives, one file a method.
//!
//! Invariant: an objective gives a loss and its gradient over the energy's weights, and moves whatever
//! is its own (chains, other networks). Methods with chains minimise `mean E(data) - mean E(chains)`,
//! whose gradient is that of the negative log-likelihood when the chains are draws from the model.

mod adam;
mod buffer;
mod cd;
mod conditional;
mod contrast;
mod correction;
mod da_ebm;
mod dcd;
mod ddaebm;
mod drl;
mod dsm;
mod energy_discrepancy;
mod follow;
mod generator;
mod level_chains;
mod levels;
mod nce;
mod pcd;
mod player;
mod ssm;

pub use adam::{Adam, AdamSettings, Averaged, averaged, clip_to_norm, learning_rate, rate_factor};
pub use buffer::ReplayBuffer;
pub use conditional::{Conditional, ForwardStep, recover};
pub use contrast::{Contrast, contrast, differentiate, slopes, weigh};
pub use dcd::{Diffusion, antithetic, stein};
pub use ddaebm::{Rules, flattening, latent_divergence, latent_miss, penalty_for, reconstruction};
pub use dsm::denoising;
pub use energy_discrepancy::{Ranking, candidates};
pub(crate) use generator::KEYS;
pub use generator::{Generator, GeneratorNoise};
pub use level_chains::LevelChains;
pub use levels::LevelDcd;
pub use nce::told_from_noise;
pub use ssm::sliced;

use crate::data::Density;
use crate::diffusion::Schedule;
use crate::energy::{Blueprint, Mlp, Network, Trainable, membership_of_labels};
use crate::rng::{Draws, Stream};
use crate::sampler::{JumpKind, Kernel, Labelled, MixtureMoved};
use crate::settings::{Key, Settings};
use burn::tensor::{Device, Tensor, TensorData};
use ddaebm::Ddaebm;
use follow::{ChainFree, Loss};
use std::rc::Rc;

/// What an objective may use at one iteration.
pub struct Update<'a, N> {
    /// The energy at its present weights.
    pub model: &'a N,
    /// `[levels]` proposal deviations.
    pub steps: &'a Tensor<1>,
    pub kernel: Kernel,
    pub jump: JumpKind,
    /// Transitions per update, K.
    pub transitions: usize,
    /// The batch of (diffused) data, `[n, d]` and `[n, levels]`.
    pub data: &'a Labelled,
    pub seed: u64,
    pub iteration: u64,
    /// Chance that a picked chain is re-started.
    pub reinit: f64,
    /// Proposals that a generator's points may jump to before the energy sees them, and MALA steps that
    /// they then take.
    pub proposals: usize,
    pub correction: usize,
    /// Weight of the entropy bound.
    pub entropy: f64,
    /// The optimiser of other networks than the energy's, their longest gradient, and the memory of
    /// the average of their weights.
    pub other: AdamSettings,
    pub clip: f64,
    pub memory: f64,
    pub device: &'a Device,
}

impl<N> Clone for Update<'_, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N> Copy for Update<'_, N> {}

impl<N> Update<'_, N> {
    /// Standard normals of this iteration for the batch's points, `count` times over, `[count n, d]`.
    fn normals(&self, stream: Stream, count: usize) -> Tensor<2> {
        let [n, d] = self.data.x.dims();
        let z = Draws::new(self.seed, stream, self.iteration).normals(n * count * d);
        Tensor::from_data(TensorData::new(z, [n * count, d]), self.device)
    }
}

/// What an objective found at one iteration.
pub struct Found {
    pub contrast: Contrast,
    /// `[1]` mean E(data) - mean E(chains), where that is only part of the loss.
    pub gap: Option<Tensor<1>>,
    /// The chains that moved, if any did.
    pub moved: Option<MixtureMoved>,
}

impl Found {
    /// The contrast of the data with chains that just moved.
    fn against<N: Trainable>(moved: MixtureMoved, u: &Update<N>) -> Self {
        Self {
            contrast: contrast(u.model, u.data, &moved.chains),
            gap: None,
            moved: Some(moved),
        }
    }
}

/// A training method for networks N.
pub trait Objective<N> {
    /// The loss of one update, and its gradient.
    fn descend(&mut self, update: &Update<N>) -> Found;

    /// The turn of the other networks, against the energy after its step, and their loss `[1]`.
    fn respond(&mut self, _update: &Update<N>, _model: &N) -> Option<Tensor<1>> {
        None
    }

    /// The chains that persist between iterations, if any do.
    fn buffer(&self) -> Option<&ReplayBuffer> {
        None
    }

    /// Puts back the chains of a checkpoint.
    fn restore(&mut self, _buffer: ReplayBuffer) {}

    /// A trained sampler, if the method has one.
    fn generator(&self) -> Option<(&Generator, Box<dyn Network>)> {
        None
    }

    /// Everything else that a checkpoint must hold, by name, in an order of its own.
    fn arrays(&self) -> Vec<(String, Tensor<1>)> {
        Vec::new()
    }

    /// Puts [`Objective::arrays`] back, in their order, after `steps` iterations.
    fn restore_arrays(&mut self, _arrays: Vec<Tensor<1>>, _steps: u64) {}
}

/// Name and length of each of the own arrays of an objective on the plane.
pub fn arrays(settings: &Settings) -> Vec<(String, usize)> {
    match settings.choice(Key::Method) {
        "ddaebm" => ddaebm::arrays(settings, &Schedule::from_settings(settings)),
        _ => Vec::new(),
    }
}

/// Number of chains that persist under these settings; those of methods without chains follow the
/// energy for show.
pub fn buffer_size(settings: &Settings) -> usize {
    let chains = settings.int(Key::Chains);
    match settings.choice(Key::Method) {
        "da-ebm" | "pcd" => settings.int(Key::Buffer).max(chains),
        "cd" | "short-run" | "drl" | "ddaebm" => 0,
        _ => chains,
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

/// The objective that the settings ask for, on samples of `density`.
pub fn objective(
    settings: &Settings,
    schedule: &Schedule,
    density: &Density,
    device: &Device,
) -> Box<dyn Objective<Mlp>> {
    let start = match settings.choice(Key::Start) {
        "data" => Start::Data,
        _ => Start::Noise,
    };
    let ranking = Ranking {
        negatives: settings.int(Key::Negatives),
        stabiliser: settings.float(Key::Stabiliser),
    };
    match settings.choice(Key::Method) {
        "cd" => Box::new(cd::ContrastiveDivergence { start: Start::Data }),
        "short-run" => Box::new(cd::ContrastiveDivergence {
            start: Start::Noise,
        }),
        "pcd" => Box::new(pcd::PersistentContrastiveDivergence {
            start,
            buffer: buffer(settings, schedule, density, start, device),
        }),
        "dcd" => chain_free(
            settings,
            schedule,
            density,
            device,
            dcd::Dcd::new(settings, ranking, schedule),
        ),
        "energy-discrepancy" => {
            let tau = settings.float(Key::Tau);
            let loss = energy_discrepancy::EnergyDiscrepancy { ranking, tau };
            chain_free(settings, schedule, density, device, loss)
        }
        "nce" => {
            let loss = nce::NoiseContrastive {
                spread: settings.float(Key::Spread),
                ratio: ranking.negatives,
            };
            chain_free(settings, schedule, density, device, loss)
        }
        "dsm" => {
            let sigma = settings.float(Key::Sigma);
            let loss = dsm::DenoisingScoreMatching { sigma };
            chain_free(settings, schedule, density, device, loss)
        }
        "ssm" => chain_free(
            settings,
            schedule,
            density,
            device,
            ssm::SlicedScoreMatching,
        ),
        "drl" => Box::new(drl::RecoveryLikelihood {
            forward: ForwardStep::new(schedule, device),
        }),
        "ddaebm" => {
            let finest = density.finest_variance();
            Box::new(Ddaebm::of_points(settings, schedule, finest, device))
        }
        _ => Box::new(da_ebm::DaEbm {
            start,
            buffer: buffer(settings, schedule, density, start, device),
        }),
    }
}

fn chain_free(
    settings: &Settings,
    schedule: &Schedule,
    density: &Density,
    device: &Device,
    loss: impl Loss<Mlp> + 'static,
) -> Box<dyn Objective<Mlp>> {
    Box::new(ChainFree {
        loss,
        followers: buffer(settings, schedule, density, Start::Noise, device),
    })
}

/// DA-EBM's training of one energy over points and levels, from these chains on.
pub fn joint<N: Trainable>(buffer: ReplayBuffer) -> Box<dyn Objective<N>> {
    Box::new(da_ebm::DaEbm {
        start: Start::Noise,
        buffer,
    })
}

/// DDAEBM's game of an energy with these networks of the generator and of the posterior.
pub fn adversarial<N: Trainable>(
    generator: Generator,
    networks: [Rc<dyn Blueprint>; 2],
    rules: Rules,
    schedule: &Schedule,
    seed: u64,
    device: &Device,
) -> Box<dyn Objective<N>> {
    Box::new(Ddaebm::new(
        generator, networks, rules, schedule, seed, device,
    ))
}

/// Fresh persistent chains, in equal blocks of labels as in DA-EBM's released code.
fn buffer(
    settings: &Settings,
    schedule: &Schedule,
    density: &Density,
    start: Start,
    device: &Device,
) -> ReplayBuffer {
    let seed = settings.int(Key::Seed) as u64;
    let size = buffer_size(settings);
    let levels = schedule.levels();
    let labels: Vec<usize> = (0..size).map(|i| i * levels / size).collect();
    let noise = Draws::new(seed, Stream::BufferStart, 0).normals(2 * size);
    let places = match start {
        Start::Noise => noise,
        Start::Data => {
            let clean = density.sample(size, &Draws::new(seed, Stream::Data, u64::MAX));
            schedule.diffuse(&clean, &labels, &noise)
        }
    };
    ReplayBuffer::new(
        points(places, device),
        membership_of_labels(&labels, levels, device),
    )
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
