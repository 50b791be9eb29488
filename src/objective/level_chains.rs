//! Persistent training of one energy over noise levels that are too far apart for chains to walk (DA-EBM,
//! arXiv 2304.10707, with labels that stay), beside DCD between the levels.
//!
//! Between neighbouring levels of 3,072 numbers lie some hundred nats: no chain ever takes the step, and
//! levels' normalising constants cannot be learned. So every chain keeps its level, and its energy is held
//! against that of data at the same level. Nor does a chain at a clean level ever reach another image's
//! surroundings: held against other images, it would teach which images were drawn, not what they look
//! like. So each is held against the image that it was made from, under fresh noise. A run knows as many
//! images of that kind as it has chains, and no more.
//!
//! Invariant: row i of `homes` is the clean image that chain i was made from; the batch's points are clean.

use super::conditional::{of_level, per_level};
use super::{Found, LevelDcd, Objective, ReplayBuffer, Start, Update, contrast};
use crate::diffusion::Schedule;
use crate::energy::Trainable;
use crate::rng::Stream;
use crate::sampler::{JumpKind, Labelled};
use burn::tensor::Tensor;

/// Chains that keep their levels, and DCD.
pub struct LevelChains {
    dcd: LevelDcd,
    /// `[chains, d]` clean data.
    homes: Tensor<2>,
    buffer: ReplayBuffer,
    /// `[1, levels]` of the diffusion.
    signal: Tensor<2>,
    noise: Tensor<2>,
    /// Weight of the contrast with the chains, in units of one number of the data: DCD's loss is a mean
    /// over numbers.
    weight: f64,
}

impl LevelChains {
    pub fn new(
        dcd: LevelDcd,
        homes: Tensor<2>,
        buffer: ReplayBuffer,
        schedule: &Schedule,
        weight: f64,
    ) -> Self {
        let row = |of: &dyn Fn(usize) -> f64| per_level(schedule.levels(), of, &homes.device());
        Self {
            signal: row(&|t| schedule.signal(t)),
            noise: row(&|t| schedule.noise(t)),
            dcd,
            homes,
            buffer,
            weight,
        }
    }
}

impl<N: Trainable> Objective<N> for LevelChains {
    fn descend(&mut self, u: &Update<N>) -> Found {
        let [n, d] = u.data.x.dims();
        let found = self.dcd.descend(u);
        let moved = self.buffer.advance(Start::Noise, JumpKind::Stay, u);
        let rows = self.buffer.pick(n, u.seed, u.iteration, u.device);
        let member = moved.chains.member.clone();
        let homes = self.homes.clone().select(0, rows);
        let noise = u.normals(Stream::DataNoise, 1) * of_level(&member, &self.noise);
        let data = Labelled {
            x: homes * of_level(&member, &self.signal) + noise,
            member,
        };
        let chains = contrast(u.model, &data, &moved.chains);
        let gap = Some(chains.loss.clone());
        Found {
            contrast: found.contrast.plus(chains.times(self.weight / d as f64)),
            gap,
            moved: Some(moved),
        }
    }

    fn buffer(&self) -> Option<&ReplayBuffer> {
        Some(&self.buffer)
    }

    fn restore(&mut self, buffer: ReplayBuffer) {
        self.buffer = buffer;
    }
}
