//! DDAEBM's generator p(x_k | x_{k+1}): it guesses the clean point, and the forward chain's posterior
//! does the rest (arXiv 2403.01666; DDAEBM notes, 1.1).
//!
//! Invariant: no noise is added at k = 0, in training as in sampling.

use super::conditional::{of_level, per_level};
use crate::diffusion::Schedule;
use crate::energy::{Inputs, Network, membership_of};
use crate::rng::{Draws, Stream};
use crate::sampler::Labelled;
use burn::tensor::{Device, Tensor, TensorData};

/// Keys of draws that one sample takes, a level each: more than there are levels.
pub(crate) const KEYS: u64 = 64;

/// Everything about the generator but its network.
#[derive(Clone)]
pub struct Generator {
    /// Numbers of a point, d.
    numbers: usize,
    /// Number of latents, and whether they are drawn at all or stay zero.
    pub latents: usize,
    pub drawn: bool,
    levels: usize,
    /// `[1, levels]` each: what is taken of the clean guess and of x_{k+1}, and the noise.
    clean: Tensor<2>,
    noisy: Tensor<2>,
    deviation: Tensor<2>,
}

/// Latents and noise of one call, `[n, latents]` and `[n, d]`.
pub struct GeneratorNoise {
    pub latent: Tensor<2>,
    pub noise: Tensor<2>,
}

impl Generator {
    /// A generator of points of so many numbers, from so many latents.
    pub fn new(schedule: &Schedule, [numbers, latents]: [usize; 2], device: &Device) -> Self {
        let levels = schedule.levels();
        let row = |of: &dyn Fn(usize) -> f64| per_level(levels, of, device);
        Self {
            numbers,
            latents,
            drawn: true,
            levels,
            clean: row(&|k| schedule.posterior(k).clean),
            noisy: row(&|k| schedule.posterior(k).noisy),
            deviation: row(&|k| {
                if k == 0 {
                    0.0
                } else {
                    schedule.posterior(k).deviation
                }
            }),
        }
    }

    /// The same with its latents at zero unless they are `drawn`.
    pub fn with_latents(self, drawn: bool) -> Self {
        Self { drawn, ..self }
    }

    /// Draws for `n` calls.
    pub fn noise(
        &self,
        seed: u64,
        [latent, noise]: [Stream; 2],
        step: u64,
        n: usize,
        device: &Device,
    ) -> GeneratorNoise {
        GeneratorNoise {
            latent: self.latent(latent, [seed, step], n, device),
            noise: self.normals(&Draws::new(seed, noise, step), n, device),
        }
    }

    /// `[n, latents]` standard normals, or zeros where the latent is off. `key` is seed and step.
    pub fn latent(&self, stream: Stream, key: [u64; 2], n: usize, device: &Device) -> Tensor<2> {
        let shape = [n, self.latents];
        match self.drawn {
            true => {
                let z = Draws::new(key[0], stream, key[1]).normals(n * self.latents);
                Tensor::from_data(TensorData::new(z, shape), device)
            }
            false => Tensor::zeros(shape, device),
        }
    }

    /// Standard normals `[n, d]`.
    fn normals(&self, draws: &Draws, n: usize, device: &Device) -> Tensor<2> {
        let z = draws.normals(self.numbers * n);
        Tensor::from_data(TensorData::new(z, [n, self.numbers]), device)
    }

    /// What the network reads: x_{k+1} `[n, d]`, latents and levels `[n, levels]`.
    pub fn inputs(&self, above: &Tensor<2>, latent: &Tensor<2>, member: &Tensor<2>) -> Inputs {
        Inputs {
            x: above.clone(),
            latent: Some(latent.clone()),
            member: member.clone(),
        }
    }

    /// Mean of x_k `[n, d]` given x_{k+1} and the network's guess of the clean point `[n, d]`.
    pub fn mean(&self, guess: Tensor<2>, above: &Tensor<2>, member: &Tensor<2>) -> Tensor<2> {
        guess * self.share(member) + above.clone() * of_level(member, &self.noisy)
    }

    /// How much of the mean is the clean guess, `[n, 1]`.
    pub fn share(&self, member: &Tensor<2>) -> Tensor<2> {
        of_level(member, &self.clean)
    }

    /// A draw of x_k `[n, d]` given x_{k+1} `[n, d]` and levels `[n, levels]`, and the clean guess.
    pub fn call(
        &self,
        network: &dyn Network,
        above: &Tensor<2>,
        draws: GeneratorNoise,
        member: &Tensor<2>,
    ) -> (Tensor<2>, Tensor<2>) {
        let guess = network.output(&self.inputs(above, &draws.latent, member));
        let mean = self.mean(guess.clone(), above, member);
        (mean + draws.noise * self.deviation(member), guess)
    }

    /// Deviation of the noise added at each row's level, `[n, 1]`.
    pub fn deviation(&self, member: &Tensor<2>) -> Tensor<2> {
        of_level(member, &self.deviation)
    }

    /// Samples of level 0 `[n, d]` by one call a level from pure noise; `polish` may move the points
    /// of each level on, given the points above them.
    pub fn sample(
        &self,
        network: &dyn Network,
        [seed, step]: [u64; 2],
        n: usize,
        device: &Device,
        mut polish: impl FnMut(usize, Tensor<2>, Tensor<2>) -> Tensor<2>,
    ) -> Tensor<2> {
        let draws = Draws::new(seed, Stream::GeneratorStart, step);
        let start = self.normals(&draws, n, device);
        (0..self.levels).rev().fold(start, |x, k| {
            let streams = [Stream::SampleLatent, Stream::SampleNoise];
            let draws = self.noise(seed, streams, step * KEYS + k as u64, n, device);
            let member = membership_of(k, self.levels, n, device);
            let (below, _) = self.call(network, &x, draws, &member);
            polish(k, below, x)
        })
    }

    /// Samples as chains that all stand at level 0.
    pub(super) fn chains(&self, x: Tensor<2>) -> Labelled {
        let [n, _] = x.dims();
        Labelled {
            member: membership_of(0, self.levels, n, &x.device()),
            x,
        }
    }
}
