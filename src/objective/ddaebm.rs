//! Denoising diffusion adversarial EBMs (Geng et al., ICML 2024, arXiv 2403.01666): at each level a
//! generator with a latent plays against the energy of the cleaner point, tied to the data by
//! Jeffrey's divergence and a variational posterior.
//!
//! Invariant: one minibatch, one latent and one draw of the generator serve both players; the energy moves
//! first. The energy's gradient never reaches the generator's weights, nor theirs the energy's. The
//! paper's E is a negative energy: here, as everywhere, energies are low where likely.

use super::conditional::{ForwardStep, of_level, per_level};
use super::contrast::slopes;
use super::correction::{Corrected, Correction};
use super::generator::Generator;
use super::player::{ARRAYS, Player};
use super::{Found, Objective, Update, contrast};
use crate::diffusion::Schedule;
use crate::energy::{Blueprint, Energy, Inputs, LevelEnergy, Network, Shape, Trainable};
use crate::rng::Stream;
use crate::sampler::{MixtureMoved, Moved};
use crate::settings::{Key, Settings};
use burn::tensor::{Device, Tensor};
use std::rc::Rc;

/// Least variance of the reconstruction: at k = 0 the posterior's own is next to nothing (released
/// code for the plane).
const LEAST_VARIANCE: f64 = 0.01;

/// Keeps the posterior's precision finite (released code).
const TINY: f64 = 1e-6;

/// Iterations between two draws of samples for show.
const SHOW_EVERY: u64 = 10;

/// Hidden layers of the plane's networks.
const DEPTH: usize = 3;

/// What the players play by.
pub struct Rules {
    /// Weight of the gradient penalty at each level.
    pub penalty: Vec<f64>,
    /// Variance of the reconstruction at each level.
    pub variance: Vec<f64>,
    /// Deviation of a proposal around a point of the generator, at each level.
    pub reach: Vec<f64>,
    /// Whether the generator is pulled towards the data too.
    pub jeffrey: bool,
    pub posterior: bool,
    /// Samples drawn for show.
    pub shown: usize,
}

pub(super) struct Ddaebm {
    generator: Generator,
    forward: ForwardStep,
    /// `[1, levels]` each.
    penalty: Tensor<2>,
    variance: Tensor<2>,
    reach: Tensor<2>,
    rules: Rules,
    network: Player,
    encoder: Player,
    round: Option<Round>,
    samples: Option<Tensor<2>>,
}

/// What the generator's turn needs of the energy's.
struct Round {
    above: Tensor<2>,
    latent: Tensor<2>,
    fake: Tensor<2>,
}

/// The loss of generator and posterior `[1]`, and its gradient in the weights of each, if it has one.
struct Lost {
    loss: Tensor<1>,
    by_generator: Tensor<1>,
    by_encoder: Option<Tensor<1>>,
}

/// The penalty's weight that leaves a Gaussian of variance `v` this share of its precision:
/// `v (1 - r)/(2 r²)` (DDAEBM notes, 7.6).
pub fn penalty_for(v: f64, sharpness: f64) -> f64 {
    v * (1.0 - sharpness) / (2.0 * sharpness * sharpness)
}

/// Gradient penalty `½ sum of γ |∂E/∂x|²` `[1]`, from gradients `[n, d]` and weights `[n, 1]` (notes, 2.1).
pub fn flattening(grad: Tensor<2>, weight: Tensor<2>) -> Tensor<1> {
    (grad.powi_scalar(2) * weight).sum() * 0.5
}

/// Negative log-likelihood of points `[n, d]` under Gaussians of these means and variances `[n, 1]`, but
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

/// A loss `[1]` of a tensor, and its derivative there. Tensors that `loss` brings in must be marked by
/// `autodiff()`.
fn derive(at: Tensor<2>, loss: impl FnOnce(Tensor<2>) -> Tensor<1>) -> (Tensor<1>, Tensor<2>) {
    let leaf = at.autodiff().require_grad();
    let loss = loss(leaf.clone());
    let slope = leaf.grad_remove(&mut loss.backward());
    let slope = slope.unwrap_or_else(|| leaf.inner().zeros_like());
    (loss.inner(), slope)
}

/// The sum of what there is.
fn plus(a: Option<Tensor<1>>, b: Tensor<1>) -> Option<Tensor<1>> {
    Some(match a {
        Some(a) => a + b,
        None => b,
    })
}

impl Ddaebm {
    /// `networks` are the generator's, and the variational posterior's.
    pub fn new(
        generator: Generator,
        networks: [Rc<dyn Blueprint>; 2],
        rules: Rules,
        schedule: &Schedule,
        seed: u64,
        device: &Device,
    ) -> Self {
        let row = |of: &[f64]| per_level(schedule.levels(), &|k| of[k], device);
        let [network, encoder] = networks;
        Self {
            generator,
            forward: ForwardStep::new(schedule, device),
            penalty: row(&rules.penalty),
            variance: row(&rules.variance),
            reach: row(&rules.reach),
            rules,
            network: Player::new(network, seed, Stream::GeneratorWeights, device),
            encoder: Player::new(encoder, seed, Stream::PosteriorWeights, device),
            round: None,
            samples: None,
        }
    }

    /// The players of the plane; `finest` is the variance of the data's finest mode.
    pub fn of_points(
        settings: &Settings,
        schedule: &Schedule,
        finest: f64,
        device: &Device,
    ) -> Self {
        let posterior = |k: usize| schedule.posterior(k).deviation;
        let penalty = |k: usize| match settings.choice(Key::PenaltyRule) {
            "fixed" => settings.float(Key::Penalty),
            _ => {
                let v = schedule.signal(k).powi(2) * finest + schedule.noise(k).powi(2);
                penalty_for(v, settings.float(Key::Sharpness))
            }
        };
        let variance = |k: usize| posterior(k).powi(2).max(LEAST_VARIANCE);
        // Wider than that, proposals miss the finest mode; narrower, they find few that can be taken.
        let reach = |k: usize| posterior(k).max(finest.sqrt());
        let each = |of: &dyn Fn(usize) -> f64| (0..schedule.levels()).map(of).collect();
        let rules = Rules {
            penalty: each(&penalty),
            variance: each(&variance),
            reach: each(&reach),
            jeffrey: settings.choice(Key::Divergence) == "jeffrey",
            posterior: settings.on(Key::Posterior) && settings.on(Key::Latent),
            shown: 256,
        };
        let generator = Generator::new(schedule, [2, settings.int(Key::LatentSize)], device)
            .with_latents(settings.on(Key::Latent));
        let networks = shapes(settings, schedule).map(|shape| Rc::new(shape) as Rc<dyn Blueprint>);
        let seed = settings.int(Key::Seed) as u64;
        Self::new(generator, networks, rules, schedule, seed, device)
    }

    /// The generator's draws for a batch, the same for both players.
    fn round<N>(&self, u: &Update<N>, network: &dyn Network) -> Round {
        let [n, _] = u.data.x.dims();
        let member = &u.data.member;
        let above = self.forward.noised(u);
        let streams = [Stream::Latent, Stream::GeneratorNoise];
        let draws = self
            .generator
            .noise(u.seed, streams, u.iteration, n, u.device);
        let latent = draws.latent.clone();
        let (fake, _) = self.generator.call(network, &above, draws, member);
        Round {
            above,
            latent,
            fake,
        }
    }

    /// The generator's points on their way to draws of the conditional energy, and accepted shares
    /// `[levels, 2]`. The paper leaves them where they are.
    fn corrected<N: LevelEnergy>(
        &self,
        u: &Update<N>,
        round: &Round,
        network: &dyn Network,
    ) -> MixtureMoved {
        let member = &u.data.member;
        let correction = Correction {
            generator: &self.generator,
            network,
            model: u.model,
            forward: &self.forward,
            above: &round.above,
            member,
            deviation: of_level(member, &self.reach),
        };
        let step = of_level(member, &u.steps.clone().unsqueeze());
        let Corrected { x, accepted } = correction.run(round.fake.clone(), &step, u);
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
    fn lose<N: LevelEnergy>(
        &self,
        u: &Update<N>,
        model: &N,
        round: &Round,
        [network, encoder]: [&dyn Network; 2],
    ) -> Lost {
        let [n, d] = u.data.x.dims();
        let member = &u.data.member;
        let Round {
            above,
            latent,
            fake,
        } = round;
        let latents = self.generator.latents;
        let pair = |x: &Tensor<2>| Inputs {
            x: Tensor::cat(vec![x.clone(), above.clone()], 1),
            latent: None,
            member: member.clone(),
        };
        let mean_of = |out: &Tensor<2>| out.clone().slice([0..n, 0..latents]);
        let log_variance_of = |out: &Tensor<2>| out.clone().slice([0..n, latents..2 * latents]);

        let energy = model.at(member.clone());
        let conditional = self.forward.given(&energy, member, above.clone());
        let (energy, mut by_fake) = conditional.energy_and_grad(fake.clone());
        let (mut loss, mut by_encoder) = (energy.sum(), None);
        if self.rules.posterior && u.entropy > 0.0 {
            let (out, back) = encoder.through(&pair(fake));
            let (miss, seed) = derive(out, |out| {
                let drawn = latent.clone().autodiff();
                latent_miss(drawn, mean_of(&out), log_variance_of(&out)) * u.entropy
            });
            let pulled = back(seed);
            loss = loss + miss;
            by_fake = by_fake + pulled.x.slice([0..n, 0..d]);
            by_encoder = plus(by_encoder, pulled.parameters);
        }
        let share = self.generator.share(member);
        let (_, back) = network.through(&self.generator.inputs(above, latent, member));
        let mut by_generator = back(by_fake * share.clone()).parameters;
        if self.rules.jeffrey {
            let found = self
                .rules
                .posterior
                .then(|| encoder.through(&pair(&u.data.x)));
            let key = [u.seed, u.iteration];
            let spread = self
                .generator
                .latent(Stream::PosteriorLatent, key, n, u.device);
            let guess = match &found {
                Some((out, _)) => {
                    mean_of(out) + spread.clone() * (log_variance_of(out) * 0.5).exp()
                }
                None => latent.clone(),
            };
            let (clean, back) = network.through(&self.generator.inputs(above, &guess, member));
            let mean = self.generator.mean(clean, above, member);
            let (miss, by_mean) = derive(mean, |mean| {
                let variance = of_level(member, &self.variance).autodiff();
                reconstruction(u.data.x.clone().autodiff(), mean, variance)
            });
            let pulled = back(by_mean * share);
            loss = loss + miss;
            by_generator = by_generator + pulled.parameters;
            if let (Some((out, back)), Some(by_latent)) = (found, pulled.latent) {
                let divergence =
                    |out: &Tensor<2>| latent_divergence(mean_of(out), log_variance_of(out));
                loss = loss + divergence(&out);
                // The reconstruction reaches the posterior through the latent that it drew.
                let (_, seed) = derive(out, |out| {
                    let deviation = (log_variance_of(&out) * 0.5).exp();
                    let drawn = mean_of(&out) + spread.autodiff() * deviation;
                    divergence(&out) + (drawn * by_latent.autodiff()).sum()
                });
                by_encoder = plus(by_encoder, back(seed).parameters);
            }
        }
        Lost {
            loss: loss / n as f32,
            by_generator: by_generator / n as f32,
            by_encoder: by_encoder.map(|gradient| gradient / n as f32),
        }
    }
}

impl<N: Trainable> Objective<N> for Ddaebm {
    /// `mean E(x_k) - mean E(fake) + γ_k/2 mean |∂E/∂x_k|²`. The paper's penalty is on the gradient of
    /// the conditional log-density; its extra term has no weights in expectation (notes, 2.1).
    fn descend(&mut self, u: &Update<N>) -> Found {
        let [n, _] = u.data.x.dims();
        let member = &u.data.member;
        let network = self.network.network();
        let round = self.round(u, &*network);
        let fakes = self.corrected(u, &round, &*network);
        self.round = Some(round);
        let weight = of_level(member, &self.penalty) / n as f64;
        let penalty = slopes(u.model, u.data, |_, grad| {
            flattening(grad, weight.clone().autodiff())
        });
        let linear = contrast(u.model, u.data, &fakes.chains);

        let due = self.samples.is_none() || u.iteration.is_multiple_of(SHOW_EVERY);
        if self.rules.shown > 0 && due {
            let (key, count) = ([u.seed, u.iteration], self.rules.shown);
            let network = self.network.averaged();
            let drawn = self
                .generator
                .sample(&*network, key, count, u.device, |_, x, _| x);
            self.samples = Some(drawn);
        }
        let shown = self.samples.clone().map(|x| MixtureMoved {
            trail: x.clone().unsqueeze(),
            acceptance: fakes.acceptance.clone(),
            chains: self.generator.chains(x),
        });
        Found {
            contrast: linear.plus(penalty),
            gap: None,
            moved: shown,
        }
    }

    fn respond(&mut self, u: &Update<N>, model: &N) -> Option<Tensor<1>> {
        let round = self.round.take()?;
        let (network, encoder) = (self.network.network(), self.encoder.network());
        let lost = self.lose(u, model, &round, [&*network, &*encoder]);
        let players = [
            (&mut self.network, Some(lost.by_generator)),
            (&mut self.encoder, lost.by_encoder),
        ];
        for (player, gradient) in players {
            let gradient = gradient.unwrap_or_else(|| player.flat.zeros_like());
            player.step(gradient, u.other, u.clip, u.memory);
        }
        Some(lost.loss)
    }

    fn generator(&self) -> Option<(&Generator, Box<dyn Network>)> {
        Some((&self.generator, self.network.averaged()))
    }

    fn arrays(&self) -> Vec<(String, Tensor<1>)> {
        let players = PLAYERS.into_iter().zip([&self.network, &self.encoder]);
        let of = |(name, player): (&str, &Player)| names(name).into_iter().zip(player.arrays());
        players.flat_map(of).collect()
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

/// The plane's networks: the generator's from x_{k+1}, latents and level to the clean point, and the
/// posterior's from x_k, x_{k+1} and level to means and log variances of the latents.
pub(super) fn shapes(settings: &Settings, schedule: &Schedule) -> [Shape; 2] {
    let (latents, levels) = (settings.int(Key::LatentSize), schedule.levels());
    [(2 + latents, 2), (4, 2 * latents)].map(|(read, outputs)| Shape {
        inputs: read + levels,
        outputs,
        width: settings.int(Key::GeneratorWidth),
        depth: DEPTH,
    })
}

/// Names of the players in a checkpoint.
const PLAYERS: [&str; 2] = ["generator", "posterior"];

fn names(player: &str) -> [String; ARRAYS.len()] {
    ARRAYS.map(|array| format!("{player}/{array}"))
}

/// Name and length of each array of [`Objective::arrays`] on the plane.
pub(super) fn arrays(settings: &Settings, schedule: &Schedule) -> Vec<(String, usize)> {
    let players = PLAYERS.into_iter().zip(shapes(settings, schedule));
    let of = |(player, shape): (&str, Shape)| {
        let entries = shape.parameters();
        names(player).map(|name| (name, entries))
    };
    players.flat_map(of).collect()
}

#[cfg(test)]
#[path = "ddaebm_tests.rs"]
mod tests;
