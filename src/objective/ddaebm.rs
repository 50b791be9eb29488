//! Denoising diffusion adversarial EBMs (Geng et al., ICML 2024, arXiv 2403.01666): at each level a
//! generator with a latent plays against the energy of the cleaner point, tied to the data by
//! Jeffrey's divergence and a variational posterior.
//!
//! Invariant: one minibatch, one latent and one generator pass serve both players; the energy moves
//! first. The energy's gradient never reaches the generator's weights, nor theirs the energy's. The
//! paper's E is a negative energy: here, as everywhere, energies are low where likely.

use super::conditional::{ForwardStep, of_level, per_level};
use super::contrast::slopes;
use super::correction::{Corrected, Correction};
use super::generator::{Generator, GeneratorNoise};
use super::player::{ARRAYS, Player};
use super::{Found, Objective, Update, contrast};
use crate::diffusion::Schedule;
use crate::energy::{Energy, LevelEnergy, Mlp, Perceptron};
use crate::rng::Stream;
use crate::sampler::{MixtureMoved, Moved};
use crate::settings::{Key, Settings};
use burn::tensor::{Device, Tensor};

/// Least variance of the reconstruction: at k = 0 the posterior's own is next to nothing (released
/// code for the plane).
const LEAST_VARIANCE: f64 = 0.01;

/// Keeps the posterior's precision finite (released code).
const TINY: f64 = 1e-6;

/// Iterations between two draws of samples for show, and how many are drawn.
const SHOW_EVERY: u64 = 10;
const SHOWN: usize = 256;

pub(super) struct Ddaebm {
    generator: Generator,
    forward: ForwardStep,
    /// `[1, levels]`
    penalty: Tensor<2>,
    variance: Tensor<2>,
    /// Deviation of a proposal around a point of the generator.
    reach: Tensor<2>,
    /// Whether the generator is pulled towards the data too.
    jeffrey: bool,
    posterior: bool,
    network: Player,
    encoder: Player,
    round: Option<Round>,
    samples: Option<Tensor<2>>,
}

/// What the generator's turn needs of the energy's; its own tensors track gradients.
struct Round {
    network: Perceptron,
    above: Tensor<2>,
    latent: Tensor<2>,
    fake: Tensor<2>,
}

/// The penalty's weight that leaves a Gaussian of variance `v` this share of its precision:
/// `v (1 - r)/(2 r²)` (DDAEBM notes, 7.6).
pub fn penalty_for(v: f64, sharpness: f64) -> f64 {
    v * (1.0 - sharpness) / (2.0 * sharpness * sharpness)
}

/// Gradient penalty `½ sum of γ |∂E/∂x|²` `[1]`, from gradients `[n, 2]` and weights `[n, 1]` (notes, 2.1).
pub fn flattening(grad: Tensor<2>, weight: Tensor<2>) -> Tensor<1> {
    (grad.powi_scalar(2) * weight).sum() * 0.5
}

/// Negative log-likelihood of points `[n, 2]` under Gaussians of these means and variances `[n, 1]`, but
/// for a constant, summed, `[1]` (notes, 2.2 c).
pub fn reconstruction(x: Tensor<2>, mean: Tensor<2>, variance: Tensor<2>) -> Tensor<1> {
    ((x - mean).powi_scalar(2) / variance).sum() * 0.5
}

/// Negative log-likelihood of latents under diagonal Gaussians, but for a constant: `½ sum of log
/// variance + (z - mean)²/variance` over rows and columns, `[1]` (notes, 2.2 b).
pub fn latent_miss(latent: Tensor<2>, mean: Tensor<2>, log_variance: Tensor<2>) -> Tensor<1> {
    let miss = (latent - mean).powi_scalar(2);
    (miss / (log_variance.clone().exp() + TINY) + log_variance).sum() * 0.5
}

/// KL of diagonal Gaussians to the standard normal, summed over rows and columns, `[1]` (notes, 2.2 d).
pub fn latent_divergence(mean: Tensor<2>, log_variance: Tensor<2>) -> Tensor<1> {
    let excess = log_variance.clone().exp() + mean.powi_scalar(2) - log_variance - 1.0;
    excess.sum() * 0.5
}

impl Ddaebm {
    /// `finest` is the variance of the data's finest mode.
    pub fn new(settings: &Settings, schedule: &Schedule, finest: f64, device: &Device) -> Self {
        let seed = settings.int(Key::Seed) as u64;
        let penalty = |k: usize| match settings.choice(Key::PenaltyRule) {
            "fixed" => settings.float(Key::Penalty),
            _ => {
                let v = schedule.signal(k).powi(2) * finest + schedule.noise(k).powi(2);
                penalty_for(v, settings.float(Key::Sharpness))
            }
        };
        let variance = |k: usize| schedule.posterior(k).deviation.powi(2).max(LEAST_VARIANCE);
        // Wider than that, proposals miss the finest mode; narrower, they find few that can be taken.
        let reach = |k: usize| schedule.posterior(k).deviation.max(finest.sqrt());
        let player = |shape, stream| Player::new(shape, seed, stream, device);
        Self {
            forward: ForwardStep::new(schedule, device),
            penalty: per_level(schedule.levels(), &penalty, device),
            variance: per_level(schedule.levels(), &variance, device),
            reach: per_level(schedule.levels(), &reach, device),
            jeffrey: settings.choice(Key::Divergence) == "jeffrey",
            posterior: settings.on(Key::Posterior) && settings.on(Key::Latent),
            network: player(
                Generator::shape(settings, schedule),
                Stream::GeneratorWeights,
            ),
            encoder: player(
                Generator::posterior_shape(settings, schedule),
                Stream::PosteriorWeights,
            ),
            generator: Generator::new(settings, schedule, device),
            round: None,
            samples: None,
        }
    }

    /// The generator's pass over a batch, ready for both players.
    fn round(&self, u: &Update<Mlp>, network: Perceptron) -> Round {
        let [n, _] = u.data.x.dims();
        let member = &u.data.member;
        let above = self.forward.noised(u);
        let streams = [Stream::Latent, Stream::GeneratorNoise];
        let GeneratorNoise { latent, noise } =
            self.generator
                .noise(u.seed, streams, u.iteration, n, u.device);
        let [above_t, latent_t, member_t] = [&above, &latent, member].map(|t| t.clone().autodiff());
        let mean = self
            .generator
            .mean(&network, &above_t, &latent_t, &member_t);
        let noise = noise * self.generator.deviation(member);
        Round {
            network,
            above,
            latent,
            fake: mean + noise.autodiff(),
        }
    }

    /// The generator's points on their way to draws of the conditional energy, and accepted shares
    /// `[levels, 2]`. The paper leaves them where they are.
    fn corrected(&self, u: &Update<Mlp>, round: &Round) -> MixtureMoved {
        let member = &u.data.member;
        let correction = Correction {
            generator: &self.generator,
            network: &Perceptron::new(&self.network.shape, &self.network.flat),
            model: u.model,
            forward: &self.forward,
            above: &round.above,
            member,
            deviation: of_level(member, &self.reach),
        };
        let step = of_level(member, &u.steps.clone().unsqueeze());
        let Corrected { x, accepted } = correction.run(round.fake.clone().inner(), &step, u);
        let trail = x.clone().unsqueeze();
        let moved = MixtureMoved::of(Moved { trail, x, accepted }, member.clone());
        match u.correction {
            // No step, no share of them.
            0 => MixtureMoved {
                acceptance: moved.acceptance.zeros_like(),
                ..moved
            },
            _ => moved,
        }
    }

    /// The loss of generator and posterior (notes, 2.2): energy (a), entropy bound (b), and with
    /// Jeffrey the two terms of the ELBO, reconstruction (c) and latent divergence (d).
    fn loss(&self, u: &Update<Mlp>, model: &Mlp, round: &Round, encoder: &Perceptron) -> Tensor<1> {
        let [n, _] = u.data.x.dims();
        let member = &u.data.member;
        let energy = model.at(member.clone());
        let conditional = self.forward.given(&energy, member, round.above.clone());
        // (a) has its value without the graph, and its gradient by the energy's own in the fake.
        let still = round.fake.clone().inner();
        let (energy, slope) = conditional.energy_and_grad(still.clone());
        let moved = (round.fake.clone() - still.autodiff()) * slope.autodiff();
        let mut loss = energy.sum().autodiff() + moved.sum();

        let tracked = |t: &Tensor<2>| t.clone().autodiff();
        let (x, above, member) = (tracked(&u.data.x), tracked(&round.above), tracked(member));
        let latents = self.generator.latents;
        let encode = |x: Tensor<2>| {
            let input = Tensor::cat(vec![x, above.clone(), member.clone()], 1);
            let out = encoder.forward(input);
            let mean = out.clone().slice([0..n, 0..latents]);
            (mean, out.slice([0..n, latents..2 * latents]))
        };
        if self.posterior && u.entropy > 0.0 {
            let (mean, log_variance) = encode(round.fake.clone());
            loss = loss + latent_miss(tracked(&round.latent), mean, log_variance) * u.entropy;
        }
        if self.jeffrey {
            let latent = if self.posterior {
                let (mean, log_variance) = encode(x.clone());
                loss = loss + latent_divergence(mean.clone(), log_variance.clone());
                let key = [u.seed, u.iteration];
                let z = self
                    .generator
                    .latent(Stream::PosteriorLatent, key, n, u.device);
                mean + z.autodiff() * (log_variance * 0.5).exp()
            } else {
                tracked(&round.latent)
            };
            let mean = self
                .generator
                .mean(&round.network, &above, &latent, &member);
            let variance = of_level(&u.data.member, &self.variance).autodiff();
            loss = loss + reconstruction(x, mean, variance);
        }
        loss / n as f32
    }

    /// The generator at its averaged weights, for sampling.
    fn averaged(&self) -> Perceptron {
        Perceptron::new(&self.network.shape, &self.network.average)
    }
}

impl Objective<Mlp> for Ddaebm {
    /// `mean E(x_k) - mean E(fake) + γ_k/2 mean |∂E/∂x_k|²`. The paper's penalty is on the gradient of
    /// the conditional log-density; its extra term has no weights in expectation (notes, 2.1).
    fn descend(&mut self, u: &Update<Mlp>) -> Found {
        let [n, _] = u.data.x.dims();
        let member = &u.data.member;
        let network = Perceptron::tracked(&self.network.shape, &self.network.flat);
        let round = self.round(u, network);
        let fakes = self.corrected(u, &round);
        self.round = Some(round);
        let weight = of_level(member, &self.penalty) / n as f64;
        let penalty = slopes(u.model, u.data, |_, grad| {
            flattening(grad, weight.clone().autodiff())
        });
        let linear = contrast(u.model, u.data, &fakes.chains);

        if self.samples.is_none() || u.iteration.is_multiple_of(SHOW_EVERY) {
            let key = [u.seed, u.iteration];
            let drawn = self
                .generator
                .sample(&self.averaged(), key, SHOWN, u.device, |_, x, _| x);
            self.samples = Some(drawn);
        }
        let shown = self.samples.clone().map(|x| MixtureMoved {
            trail: x.clone().unsqueeze(),
            acceptance: fakes.acceptance.clone(),
            chains: self.generator.chains(x),
        });
        Found {
            contrast: linear.plus(penalty),
            moved: shown,
        }
    }

    fn respond(&mut self, u: &Update<Mlp>, model: &Mlp) {
        let Some(round) = self.round.take() else {
            return;
        };
        let encoder = Perceptron::tracked(&self.encoder.shape, &self.encoder.flat);
        let mut gradients = self.loss(u, model, &round, &encoder).backward();
        let by_generator = round.network.gradient(&mut gradients);
        self.network.step(by_generator, u.other, u.clip, u.memory);
        let by_encoder = encoder.gradient(&mut gradients);
        self.encoder.step(by_encoder, u.other, u.clip, u.memory);
    }

    fn generator(&self) -> Option<(&Generator, Perceptron)> {
        Some((&self.generator, self.averaged()))
    }

    fn arrays(&self) -> Vec<Tensor<1>> {
        let players = [&self.network, &self.encoder];
        players.into_iter().flat_map(Player::arrays).collect()
    }

    fn restore_arrays(&mut self, arrays: Vec<Tensor<1>>, steps: u64) {
        let mut arrays = arrays.into_iter();
        for player in [&mut self.network, &mut self.encoder] {
            let mut next = || arrays.next();
            if let (Some(a), Some(b), Some(c), Some(d)) = (next(), next(), next(), next()) {
                player.restore([a, b, c, d], steps);
            }
        }
    }
}

/// Name and length of each array of [`Objective::arrays`].
pub(super) fn arrays(settings: &Settings, schedule: &Schedule) -> Vec<(String, usize)> {
    let shapes = [
        ("generator", Generator::shape(settings, schedule)),
        ("posterior", Generator::posterior_shape(settings, schedule)),
    ];
    let of = |(player, shape): (&str, crate::energy::Shape)| {
        let entries = shape.layout().parameters();
        ARRAYS.map(|array| (format!("{player}/{array}"), entries))
    };
    shapes.into_iter().flat_map(of).collect()
}

#[cfg(test)]
#[path = "ddaebm_tests.rs"]
mod tests;
