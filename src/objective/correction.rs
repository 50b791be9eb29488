//! Moves that turn a generator's points into draws of the conditional energy.
//!
//! Invariant: each move leaves `p(x_k | x_{k+1}) q(z | x_k, x_{k+1})` as it is, with q the variational
//! posterior, so that x alone follows the conditional energy whatever generator and posterior are worth.
//! A poor pair only makes for few accepted proposals.

use super::Update;
use super::conditional::Conditional;
use super::ddaebm::{by_latent, split};
use super::generator::{Generator, KEYS};
use crate::energy::{Energy, MlpAt, Perceptron};
use crate::rng::{Draws, Stream};
use crate::sampler::{Kernel, Noise, run};
use burn::tensor::{Tensor, TensorData};

/// What the moves of one batch are made with.
pub(super) struct Correction<'a> {
    pub generator: &'a Generator,
    pub network: &'a Perceptron,
    pub encoder: &'a Perceptron,
    pub energy: &'a Conditional<'a, MlpAt>,
    /// `[n, levels]`
    pub member: &'a Tensor<2>,
    /// Deviation of the noise of a proposal, `[n, 1]`.
    pub deviation: Tensor<2>,
}

/// Points and the latents they were made from, or may have been.
#[derive(Clone)]
pub(super) struct Pair {
    pub x: Tensor<2>,
    pub latent: Tensor<2>,
}

/// Points after the moves, and accepted shares of Langevin steps `[n, 1]`.
pub(super) struct Corrected {
    pub x: Tensor<2>,
    pub accepted: Tensor<2>,
}

impl Correction<'_> {
    /// Rounds of one proposal by the generator, `steps` MALA steps with deviations `step` `[n, 1]`, and
    /// a fresh latent. At least one round, without the proposal if `proposals` is 0.
    pub fn run(&self, start: Pair, proposals: usize, step: &Tensor<2>, u: &Update) -> Corrected {
        let [n, _] = start.x.dims();
        let mut accepted = step.zeros_like();
        let mut pair = start;
        let rounds = proposals.max(1);
        for round in 0..rounds {
            let key = u.iteration * KEYS + round as u64;
            if proposals > 0 {
                pair = self.propose(pair, key, u);
            }
            if u.correction > 0 {
                let streams = [Stream::Proposal, Stream::Accept];
                let noise = Noise::draw(u.seed, streams, key, [u.correction, n], u.device);
                let moved = run(Kernel::Mala, self.energy, pair.x, step, &noise);
                pair.x = moved.x;
                accepted = accepted + moved.accepted / rounds as f32;
            }
            if round + 1 < rounds {
                let (mean, log_variance) = self.posterior(&pair.x);
                let latent = [u.seed, key];
                let z = self
                    .generator
                    .latent(Stream::Refreshed, latent, n, u.device);
                pair.latent = mean + z * (log_variance * 0.5).exp();
            }
        }
        Corrected {
            x: pair.x,
            accepted,
        }
    }

    /// A fresh point of the generator, taken by the Metropolis test.
    fn propose(&self, here: Pair, key: u64, u: &Update) -> Pair {
        let [n, _] = here.x.dims();
        let streams = [Stream::ProposedLatent, Stream::ProposedNoise];
        let draws = self.generator.noise(u.seed, streams, key, n, u.device);
        let mean = self.mean(&draws.latent);
        let there = Pair {
            x: mean.clone() + draws.noise * self.deviation.clone(),
            latent: draws.latent,
        };
        let gain = self.log_weight(&there, mean) - self.log_weight(&here, self.mean(&here.latent));
        let uniforms = Draws::new(u.seed, Stream::ProposedAccept, key).uniforms(n);
        let logs = uniforms.into_iter().map(libm::logf).collect();
        let logs = Tensor::<2>::from_data(TensorData::new(logs, [n, 1]), u.device);
        // A comparison with what is no number is false, which rejects.
        let accept = logs.lower(gain);
        let choose = |from: Tensor<2>, to: Tensor<2>| {
            let shape = from.dims();
            from.mask_where(accept.clone().expand(shape), to)
        };
        Pair {
            x: choose(here.x, there.x),
            latent: choose(here.latent, there.latent),
        }
    }

    /// Log of target over proposal, but for a constant of each row, `[n, 1]`.
    fn log_weight(&self, pair: &Pair, mean: Tensor<2>) -> Tensor<2> {
        let Pair { x, latent } = pair;
        let (centre, log_variance) = self.posterior(x);
        let posterior = by_latent(latent.clone(), centre, log_variance).neg();
        let prior = latent.clone().powi_scalar(2).sum_dim(1) * -0.5;
        let miss = (x.clone() - mean) / self.deviation.clone();
        let drawn = miss.powi_scalar(2).sum_dim(1) * -0.5;
        let energy = self.energy.energy(x.clone()).unsqueeze_dim::<2>(1);
        posterior - prior - drawn - energy
    }

    fn mean(&self, latent: &Tensor<2>) -> Tensor<2> {
        self.generator
            .mean(self.network, &self.energy.above, latent, self.member)
    }

    /// Means and log variances of the latents, `[n, latents]` each.
    fn posterior(&self, x: &Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let input = vec![x.clone(), self.energy.above.clone(), self.member.clone()];
        split(self.encoder.forward(Tensor::cat(input, 1)))
    }
}
