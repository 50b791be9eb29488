//! DDAEBM's generator p(x_k | x_{k+1}): it guesses the clean point, and the forward chain's posterior
//! does the rest (arXiv 2403.01666; DDAEBM notes, 1.1).
//!
//! Invariant: no noise is added at k = 0, in training as in sampling.

use super::conditional::{of_level, per_level};
use crate::diffusion::Schedule;
use crate::energy::{Perceptron, Shape, membership_of};
use crate::rng::{Draws, Stream};
use crate::sampler::Labelled;
use crate::settings::{Key, Settings};
use burn::tensor::{Device, Tensor, TensorData};

/// Keys of draws that one sample takes, a level each: more than there are levels.
pub(crate) const KEYS: u64 = 64;

/// Hidden layers of the generator and of the variational posterior.
const DEPTH: usize = 3;

/// Everything about the generator but its weights.
#[derive(Clone)]
pub struct Generator {
    pub shape: Shape,
    /// Number of latents, and whether they are drawn at all or stay zero.
    pub latents: usize,
    pub drawn: bool,
    levels: usize,
    /// `[1, levels]` each: what is taken of the clean guess and of x_{k+1}, and the noise.
    clean: Tensor<2>,
    noisy: Tensor<2>,
    deviation: Tensor<2>,
}

/// Latents and noise of one call, `[n, latents]` and `[n, 2]`.
pub struct GeneratorNoise {
    pub latent: Tensor<2>,
    pub noise: Tensor<2>,
}

impl Generator {
    pub fn new(settings: &Settings, schedule: &Schedule, device: &Device) -> Self {
        let levels = schedule.levels();
        let latents = settings.int(Key::LatentSize);
        let row = |of: &dyn Fn(usize) -> f64| per_level(levels, of, device);
        Self {
            shape: Self::shape(settings, schedule),
            latents,
            drawn: settings.on(Key::Latent),
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

    /// From x_{k+1}, latents and level to the clean point.
    pub fn shape(settings: &Settings, schedule: &Schedule) -> Shape {
        Shape {
            inputs: 2 + settings.int(Key::LatentSize) + schedule.levels(),
            outputs: 2,
            width: settings.int(Key::GeneratorWidth),
            depth: DEPTH,
        }
    }

    /// From x_k, x_{k+1} and level to means and log variances of the latents.
    pub fn posterior_shape(settings: &Settings, schedule: &Schedule) -> Shape {
        Shape {
            inputs: 4 + schedule.levels(),
            outputs: 2 * settings.int(Key::LatentSize),
            width: settings.int(Key::GeneratorWidth),
            depth: DEPTH,
        }
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
        let z = Draws::new(seed, noise, step).normals(2 * n);
        GeneratorNoise {
            latent: self.latent(latent, [seed, step], n, device),
            noise: Tensor::from_data(TensorData::new(z, [n, 2]), device),
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

    /// Mean of x_k `[n, 2]` given x_{k+1} `[n, 2]`, latents and levels `[n, levels]`.
    pub fn mean(
        &self,
        network: &Perceptron,
        above: &Tensor<2>,
        latent: &Tensor<2>,
        member: &Tensor<2>,
    ) -> Tensor<2> {
        let input = Tensor::cat(vec![above.clone(), latent.clone(), member.clone()], 1);
        let tracked = |row: &Tensor<2>| match above.is_autodiff() {
            true => row.clone().autodiff(),
            false => row.clone(),
        };
        let clean = of_level(member, &tracked(&self.clean));
        let noisy = of_level(member, &tracked(&self.noisy));
        network.forward(input) * clean + above.clone() * noisy
    }

    /// A draw of x_k `[n, 2]` given x_{k+1} `[n, 2]` and levels `[n, levels]`.
    pub fn call(
        &self,
        network: &Perceptron,
        above: &Tensor<2>,
        draws: GeneratorNoise,
        member: &Tensor<2>,
    ) -> Tensor<2> {
        self.mean(network, above, &draws.latent, member) + draws.noise * self.deviation(member)
    }

    /// Deviation of the noise added at each row's level, `[n, 1]`.
    pub fn deviation(&self, member: &Tensor<2>) -> Tensor<2> {
        of_level(member, &self.deviation)
    }

    /// Samples of level 0 `[n, 2]` by one call a level from pure noise; `polish` may move the points
    /// of each level on, given the points above them.
    pub fn sample(
        &self,
        network: &Perceptron,
        [seed, step]: [u64; 2],
        n: usize,
        device: &Device,
        mut polish: impl FnMut(usize, Tensor<2>, Tensor<2>) -> Tensor<2>,
    ) -> Tensor<2> {
        let start = Draws::new(seed, Stream::GeneratorStart, step).normals(2 * n);
        let mut x = Tensor::<2>::from_data(TensorData::new(start, [n, 2]), device);
        for k in (0..self.levels).rev() {
            let streams = [Stream::SampleLatent, Stream::SampleNoise];
            let draws = self.noise(seed, streams, step * KEYS + k as u64, n, device);
            let member = membership_of(k, self.levels, n, device);
            let below = self.call(network, &x, draws, &member);
            x = polish(k, below, x);
        }
        x
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
