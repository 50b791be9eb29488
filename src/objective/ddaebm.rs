//! Denoising diffusion adversarial EBMs (Geng et al., ICML 2024, arXiv 2403.01666): at each level a
//! generator with a latent plays against the energy of the cleaner point, tied to the data by
//! Jeffrey's divergence and a variational posterior.
//!
//! Invariant: one minibatch, one latent and one generator pass serve both players; the energy moves
//! first. The energy's gradient never reaches the generator's weights, nor theirs the energy's. The
//! paper's E is a negative energy: here, as everywhere, energies are low where likely.

use super::conditional::{ForwardStep, of_level, per_level};
use super::contrast::differentiate;
use super::generator::{Generator, GeneratorNoise};
use super::player::{ARRAYS, Player};
use super::{Found, Objective, Update, contrast};
use crate::diffusion::Schedule;
use crate::energy::{Energy, LevelEnergy, Mlp, Perceptron};
use crate::rng::Stream;
use crate::sampler::{Labelled, MixtureMoved};
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
        let player = |shape, stream| Player::new(shape, seed, stream, device);
        Self {
            forward: ForwardStep::new(schedule, device),
            penalty: per_level(schedule.levels(), &penalty, device),
            variance: per_level(schedule.levels(), &variance, device),
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

    /// The generator at its averaged weights, for sampling.
    fn averaged(&self) -> Perceptron {
        Perceptron::new(&self.network.shape, &self.network.average)
    }
}

impl Objective for Ddaebm {
    /// `mean E(x_k) - mean E(fake) + γ_k/2 mean |∂E/∂x_k|²`. The paper's penalty is on the gradient of
    /// the conditional log-density; its extra term has no weights in expectation (notes, 2.1).
    fn descend(&mut self, u: &Update) -> Found {
        let [n, _] = u.data.x.dims();
        let member = &u.data.member;
        let above = self.forward.noised(u);
        let streams = [Stream::Latent, Stream::GeneratorNoise];
        let GeneratorNoise { latent, noise } =
            self.generator
                .noise(u.seed, streams, u.iteration, n, u.device);
        let network = Perceptron::tracked(&self.network.shape, &self.network.flat);
        let (above_t, latent_t) = (above.clone().autodiff(), latent.clone().autodiff());
        let mean = self
            .generator
            .mean(&network, &above_t, &latent_t, &member.clone().autodiff());
        let noise = noise * self.generator.deviation(member);
        let fake = mean + noise.autodiff();
        let fakes = Labelled {
            x: fake.clone().inner(),
            member: member.clone(),
        };
        self.round = Some(Round {
            network,
            above,
            latent,
            fake,
        });

        let weight = of_level(member, &self.penalty) * (0.5 / n as f64);
        let penalty = differentiate(u.architecture, u.flat, |model: &Mlp| {
            let at = model.at(member.clone().autodiff());
            let (_, grad) = at.energy_and_grad(u.data.x.clone().autodiff());
            (grad.powi_scalar(2) * weight.autodiff()).sum()
        });
        let linear = contrast(u.architecture, u.flat, u.data, &fakes);

        if u.iteration.is_multiple_of(SHOW_EVERY) {
            let key = [u.seed, u.iteration];
            let drawn = self
                .generator
                .sample(&self.averaged(), key, SHOWN, u.device, |_, x, _| x);
            self.samples = Some(drawn);
        }
        let shown = self.samples.clone().map(|x| {
            let chains = self.generator.chains(x);
            let levels = chains.member.dims()[1];
            MixtureMoved {
                trail: chains.x.clone().unsqueeze(),
                acceptance: Tensor::zeros([levels, 2], u.device),
                chains,
            }
        });
        Found {
            contrast: linear.plus(penalty),
            moved: shown,
        }
    }

    /// The turn of generator and posterior (notes, 2.2): energy (a), entropy bound (b), and with
    /// Jeffrey the two terms of the ELBO, reconstruction (c) and latent divergence (d).
    fn respond(&mut self, u: &Update, model: &Mlp) {
        let Some(round) = self.round.take() else {
            return;
        };
        let [n, _] = u.data.x.dims();
        let member = &u.data.member;
        let [a, b] = self.forward.at(member);
        let (_, grad) = model
            .at(member.clone())
            .energy_and_grad(round.fake.clone().inner());
        let gap = round.above.clone() - round.fake.clone().inner() * a.clone();
        let slope = grad - gap * a / b;
        // (a) by its gradient in the fake, which is all that reaches the generator.
        let mut loss = (round.fake.clone() * slope.autodiff()).sum();

        let tracked = |t: &Tensor<2>| t.clone().autodiff();
        let (above, member_t) = (tracked(&round.above), tracked(member));
        let encoder = Perceptron::tracked(&self.encoder.shape, &self.encoder.flat);
        let latents = self.generator.latents;
        let encode = |x: Tensor<2>| {
            let input = Tensor::cat(vec![x, above.clone(), member_t.clone()], 1);
            let out = encoder.forward(input);
            let mean = out.clone().slice([0..n, 0..latents]);
            (mean, out.slice([0..n, latents..2 * latents]))
        };
        if self.posterior && u.entropy > 0.0 {
            let (mean, log_variance) = encode(round.fake.clone());
            let miss = (tracked(&round.latent) - mean).powi_scalar(2);
            let nll = miss / (log_variance.clone().exp() + TINY) + log_variance;
            loss = loss + nll.sum() * (0.5 * u.entropy);
        }
        if self.jeffrey {
            let latent = if self.posterior {
                let (mean, log_variance) = encode(tracked(&u.data.x));
                let noise = self.generator.noise(
                    u.seed,
                    [Stream::PosteriorLatent, Stream::PosteriorLatent],
                    u.iteration,
                    n,
                    u.device,
                );
                let spread = (log_variance.clone() * 0.5).exp();
                let divergence =
                    log_variance.clone().exp() + mean.clone().powi_scalar(2) - log_variance - 1.0;
                loss = loss + divergence.sum() * 0.5;
                mean + noise.latent.autodiff() * spread
            } else {
                tracked(&round.latent)
            };
            let mean = self
                .generator
                .mean(&round.network, &above, &latent, &member_t);
            let miss = (tracked(&u.data.x) - mean).powi_scalar(2);
            let variance = of_level(member, &self.variance).autodiff();
            loss = loss + (miss / variance).sum() * 0.5;
        }
        let mut gradients = (loss / n as f32).backward();
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
