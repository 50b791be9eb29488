//! Moves that turn a generator's points into draws of the conditional energy.
//!
//! Invariant: each move leaves `p(x_k | x_{k+1}) q(z | x_k, x_{k+1})` as it is, with q the variational
//! posterior, so that x alone follows the conditional energy whatever generator and posterior are worth.
//! A poor pair only makes for few accepted proposals.

use super::Update;
use super::conditional::Conditional;
use super::ddaebm::{by_latent, split};
use super::generator::{Generator, KEYS};
use crate::energy::{Energy, Perceptron};
use crate::rng::{Draws, Stream};
use crate::sampler::{Kernel, Noise, run};
use burn::tensor::{Tensor, TensorData};

/// What the moves of one batch are made with.
pub(super) struct Correction<'a, E> {
    pub generator: &'a Generator,
    pub network: &'a Perceptron,
    pub encoder: &'a Perceptron,
    pub energy: &'a Conditional<'a, E>,
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

impl<E: Energy> Correction<'_, E> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diffusion::Schedule;
    use crate::energy::{Architecture, GaussianMixture, LevelEnergy, Mlp, membership_of};
    use crate::objective::conditional::ForwardStep;
    use crate::objective::tests::update;
    use crate::sampler::Labelled;
    use crate::settings::{Key, Preset, Size};
    use burn::tensor::Device;

    fn normals(n: usize, step: u64, device: &Device) -> Tensor<2> {
        let z = Draws::new(8, Stream::Test, step).normals(2 * n);
        Tensor::from_data(TensorData::new(z, [n, 2]), device)
    }

    fn values(t: Tensor<2>) -> Vec<f32> {
        t.into_data().try_to_vec().unwrap()
    }

    /// A network that knows next to nothing, as at the start of training.
    fn fresh(shape: &crate::energy::Shape, stream: Stream, device: &Device) -> Perceptron {
        let weights = shape.init(3, stream);
        Perceptron::new(shape, &Tensor::from_data(weights.as_slice(), device))
    }

    /// Points that are draws given the points above stay so, in the shares of the modes too, while many
    /// of them change modes.
    #[test]
    fn corrections_keep_the_conditional_energy() {
        let device = Device::flex();
        let mut settings = Preset::of("8-gaussians", "ddaebm", Size::Standard)
            .unwrap()
            .settings();
        for (key, text) in [(Key::Width, "8"), (Key::GeneratorWidth, "8")] {
            settings.set_text(key, text).unwrap();
        }
        let schedule = Schedule::from_settings(&settings);
        let (n, k) = (20_000, 1);
        let centres = [[-1.6f32, 0.0], [1.6, 0.4]];
        let mixture = GaussianMixture::new(&centres, &[0.3, 0.7], 0.3, &schedule, &device);
        let member = membership_of(k, schedule.levels(), n, &device);
        let heads = Draws::new(8, Stream::Test, 0).uniforms(n);
        let places = heads.iter().flat_map(|u| centres[usize::from(*u > 0.3)]);
        let places = TensorData::new(places.collect::<Vec<_>>(), [n, 2]);
        let clean = Tensor::<2>::from_data(places, &device) + normals(n, 1, &device) * 0.3;
        let x = clean * schedule.signal(k) + normals(n, 2, &device) * schedule.noise(k);
        let forward = ForwardStep::new(&schedule, &device);
        let [a, b] = forward.at(&member);
        let above = x.clone() * a + normals(n, 3, &device) * b.sqrt();
        let at = mixture.at(member.clone());
        let generator = Generator::new(&settings, &schedule, &device);
        let encoder = Generator::posterior_shape(&settings, &schedule);
        let correction = Correction {
            generator: &generator,
            network: &fresh(&generator.shape, Stream::GeneratorWeights, &device),
            encoder: &fresh(&encoder, Stream::PosteriorWeights, &device),
            energy: &forward.given(&at, &member, above.clone()),
            member: &member,
            deviation: generator.deviation(&member),
        };
        let architecture = Architecture::from_settings(&settings);
        let flat = Tensor::from_data(architecture.init(1).as_slice(), &device);
        let model = Mlp::new(&architecture, &flat);
        let data = Labelled {
            x: x.clone(),
            member: member.clone(),
        };
        let steps = Tensor::ones([schedule.levels()], &device);
        let u = Update {
            correction: 2,
            ..update(&architecture, &flat, &model, &steps, &data, &device)
        };
        let (mean, log_variance) = correction.posterior(&x);
        let start = Pair {
            x: x.clone(),
            latent: mean + normals(n, 4, &device) * (log_variance * 0.5).exp(),
        };
        let step = Tensor::full([n, 1], 0.5, &device);
        let moved = correction.run(start, 6, &step, &u);

        let (before, after, above) = (values(x), values(moved.x), values(above));
        let ends = before.chunks_exact(2).zip(after.chunks_exact(2));
        let crossed = ends.filter(|(b, a)| (b[0] > 0.0) != (a[0] > 0.0)).count();
        assert!(crossed > n / 20, "only {crossed} crossed");
        // Moments of point and point above: differences of two dependent estimates, so five standard
        // errors of one are generous.
        let moments: [fn(&[f32], &[f32]) -> f32; 4] = [
            |x, _| f32::from(u8::from(x[0] > 0.0)),
            |x, _| x[0] * x[0],
            |x, _| x[1],
            |x, y| x[0] * y[0],
        ];
        for (i, moment) in moments.into_iter().enumerate() {
            let of = |x: &[f32]| -> Vec<f32> {
                let pairs = x.chunks_exact(2).zip(above.chunks_exact(2));
                pairs.map(|(x, y)| moment(x, y)).collect()
            };
            let mean = |v: &[f32]| v.iter().sum::<f32>() / n as f32;
            let (before, after) = (of(&before), of(&after));
            let squares: Vec<f32> = before.iter().map(|v| v * v).collect();
            let error = ((mean(&squares) - mean(&before).powi(2)) / n as f32).sqrt();
            let apart = mean(&after) - mean(&before);
            assert!(apart.abs() < 5.0 * error, "moment {i}: {apart} ± {error}");
        }
    }
}
