//! Diffusion contrastive divergence (Luo et al., arXiv 2307.01668): `KL(p‖q) - KL(p_T‖q_T)`, with
//! data and model carried on by the same diffusion, which has no parameters of the model in it.
//!
//! Invariant: `DCD = E E(x) - E U_T(y) + const` with `U_T(y) = -log ∫ k_T(y|x) exp(-E(x)) dx`; every
//! estimator here is an estimate of that difference, but for [`Estimator::Uncorrected`], which shows
//! what goes wrong without it. The paper's own text was not at hand: the estimators are those of the
//! DCD notes, 1.5, and the energy of noised data that of 1.8, which cuts the divergence into pieces
//! from each level to the next.

use super::conditional::{of_level, per_level};
use super::contrast::{differentiate, slopes, stack, weigh};
use super::energy_discrepancy::{Ranking, candidates};
use super::follow::Loss;
use super::{Contrast, Update};
use crate::diffusion::Schedule;
use crate::energy::{Energy, LevelEnergy, Mlp, MlpAt, Trainable};
use crate::rng::{Draws, Stream};
use crate::sampler::Labelled;
use crate::settings::{Key, Settings};
use burn::tensor::{Tensor, TensorData};

/// A diffusion without parameters: y = a x + s z.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Diffusion {
    /// dX = dW: a = 1, s² = τ.
    Ve,
    /// dX = -X/2 dt + dW: a² = 1/(1 + τ), s² = 1 - a². The τ is that of y/a.
    Vp,
}

/// The kernel of a diffusion at the times of n points, each `[n, 1]`.
pub struct Transition {
    /// How much is left of x, a.
    pub signal: Tensor<2>,
    /// Deviation of the noise, s.
    pub noise: Tensor<2>,
    /// Time T, with unit diffusion.
    pub time: Tensor<2>,
}

impl Diffusion {
    /// The kernel for noise variances `tau` `[n, 1]` of y/a.
    pub fn transition(self, tau: Tensor<2>) -> Transition {
        match self {
            Self::Ve => Transition {
                signal: tau.ones_like(),
                noise: tau.clone().sqrt(),
                time: tau,
            },
            Self::Vp => {
                let signal = (tau.clone() + 1.0).sqrt().recip();
                Transition {
                    noise: tau.clone().sqrt() * signal.clone(),
                    signal,
                    time: (tau + 1.0).log(),
                }
            }
        }
    }

    /// What the Fokker-Planck equation of U adds to the energy in unit time, up to a constant:
    /// `(lap E - |grad E|²)/2`, and for VP `+ x.grad E/2`. `[n]`, from points and gradients `[n, d]`
    /// and Laplacians `[n]`.
    pub fn drift_of_energy(self, x: Tensor<2>, grad: Tensor<2>, laplacian: Tensor<1>) -> Tensor<1> {
        let row_sum = |t: Tensor<2>| t.sum_dim(1).squeeze_dim::<1>(1);
        let spread = (laplacian - row_sum(grad.clone().powi_scalar(2))) * 0.5;
        match self {
            Self::Ve => spread,
            Self::Vp => spread + row_sum(x * grad) * 0.5,
        }
    }

    /// One step of the Fokker-Planck equation as a loss, `(E(x) - E(y))/T - drift` `[n]`, from energy
    /// differences and times `[n]`, and from points, gradients and Laplacians where the drift is taken.
    pub fn one_step(
        self,
        difference: Tensor<1>,
        time: Tensor<1>,
        (at, grad, laplacian): (Tensor<2>, Tensor<2>, Tensor<1>),
    ) -> Tensor<1> {
        difference / time - self.drift_of_energy(at, grad, laplacian)
    }

    /// The sum of `rate` `[n, 1]` times one step from points to noised ones, with Stein's estimate of the
    /// Laplacian from the noise `z` `[n, d]`.
    pub(super) fn stein_step<N: Trainable>(
        self,
        model: &N,
        [points, noised]: [&Labelled; 2],
        z: &Tensor<2>,
        k: &Transition,
        rate: &Tensor<2>,
    ) -> Contrast {
        let row = |t: &Tensor<2>| {
            let [n, _] = t.dims();
            t.clone().reshape([n])
        };
        let rate_of_time = row(rate) / row(&k.time);
        let above = weigh(model, points, |energies| {
            (
                (energies * rate_of_time.clone()).sum(),
                rate_of_time.clone(),
            )
        });
        let below = slopes(model, noised, |energies, grad| {
            let tracked = |t: Tensor<1>| t.autodiff();
            let laplacian = stein(z.clone().autodiff(), grad.clone(), tracked(row(&k.noise)));
            let at = (noised.x.clone().autodiff(), grad, laplacian);
            let loss = self.one_step(energies.neg(), tracked(row(&k.time)), at);
            (loss * tracked(row(rate))).sum()
        });
        above.plus(below)
    }
}

/// Stein's estimate of the Laplacian `[n]`, `z.grad E(y)/s`, for noise `z` `[n, d]` of deviation `s` in y.
pub fn stein(z: Tensor<2>, grad: Tensor<2>, noise: Tensor<1>) -> Tensor<1> {
    (z * grad).sum_dim(1).squeeze_dim::<1>(1) / noise
}

/// How U_T is estimated (DCD notes, table 1.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Estimator {
    /// Log-sum-exp over M draws from the kernel backwards: no bias at w = 1.
    Exact,
    /// One step of the equation of U, the Laplacian by Stein's identity at the noised point.
    FpStein,
    /// One step, with the correction at the noised point: learns the density noised by τ.
    FpNoised,
    /// One step, with the correction at the clean point.
    FpClean,
    /// The second cumulant of two antithetic draws.
    Anti,
    /// `E(x) - E(y)`: unbounded below.
    Uncorrected,
}

pub(super) struct Dcd {
    pub diffusion: Diffusion,
    pub estimator: Estimator,
    pub ranking: Ranking,
    pub times: Times,
}

/// The noise variance τ of y/a by which a point diffuses.
pub(super) enum Times {
    /// Log-uniform between a least and a largest one.
    Drawn([f64; 2]),
    /// To the next level, one a level.
    ByLevel(Vec<f64>),
}

impl Dcd {
    pub fn new(settings: &Settings, ranking: Ranking, schedule: &Schedule) -> Self {
        let high = settings.float(Key::Tau);
        let to_next = |t| schedule.noise_to_next(t);
        Self {
            diffusion: match settings.choice(Key::Diffusion) {
                "vp" => Diffusion::Vp,
                _ => Diffusion::Ve,
            },
            estimator: match settings.choice(Key::Estimator) {
                "fp-stein" => Estimator::FpStein,
                "fp-noised" => Estimator::FpNoised,
                "fp-clean" => Estimator::FpClean,
                "anti" => Estimator::Anti,
                "uncorrected" => Estimator::Uncorrected,
                _ => Estimator::Exact,
            },
            ranking,
            times: match settings.on(Key::TimeInput) {
                true => Times::ByLevel((0..schedule.levels()).map(to_next).collect()),
                false => Times::Drawn([settings.float(Key::TauLow).min(high), high]),
            },
        }
    }
}

impl Loss<Mlp> for Dcd {
    fn contrast(&self, u: &Update<Mlp>) -> Contrast {
        let tau = self.times(u);
        if self.estimator == Estimator::Exact {
            // Backwards from y, x' = (y + s z')/a is x + sqrt(tau) (z + z') whatever the diffusion.
            let key = [u.seed, u.iteration];
            let points = candidates(u.data, &tau.sqrt(), self.ranking.negatives, key);
            return weigh(u.model, &points, |energies| self.ranking.rule(energies));
        }
        let [n, _] = u.data.x.dims();
        let k = self.diffusion.transition(tau);
        let z = u.normals(Stream::Diffuse, 1);
        let y = u.data.x.clone() * k.signal.clone() + z.clone() * k.noise.clone();
        let noised = |x: Tensor<2>| Labelled {
            x,
            member: u.data.member.clone(),
        };
        match self.estimator {
            Estimator::Anti => self.antithetic(u, y, &k),
            Estimator::Uncorrected => super::contrast(u.model, u.data, &noised(y)),
            Estimator::FpStein => {
                let rate = Tensor::full([n, 1], 1.0 / n as f32, u.device);
                let points = [u.data, &noised(y)];
                self.diffusion.stein_step(u.model, points, &z, &k, &rate)
            }
            _ => self.one_step(u, y, &k),
        }
    }
}

impl Dcd {
    /// The noise variance of each point, `[n, 1]`.
    fn times(&self, u: &Update<Mlp>) -> Tensor<2> {
        let range = match &self.times {
            Times::ByLevel(tau) => {
                let tau = per_level(tau.len(), &|t| tau[t], u.device);
                return of_level(&u.data.member, &tau);
            }
            Times::Drawn(range) => range,
        };
        let [n, _] = u.data.x.dims();
        let [low, high] = range.map(f64::ln);
        let share = Draws::new(u.seed, Stream::DiffusionTime, u.iteration).uniforms(n);
        let tau: Vec<f32> = share
            .into_iter()
            .map(|s| libm::exp(low + (high - low) * f64::from(s)) as f32)
            .collect();
        Tensor::from_data(TensorData::new(tau, [n, 1]), u.device)
    }

    /// `E(x) - (E₊ + E₋)/2 + (E₊ - E₋)²/8` over the time, with `E± = E((y ± s z')/a)`.
    fn antithetic(&self, u: &Update<Mlp>, y: Tensor<2>, k: &Transition) -> Contrast {
        let [n, _] = y.dims();
        let offset = u.normals(Stream::Negatives, 1) * k.noise.clone();
        let at = |x: Tensor<2>| Labelled {
            x: x / k.signal.clone(),
            member: u.data.member.clone(),
        };
        let points = stack(&[u.data, &at(y.clone() + offset.clone()), &at(y - offset)]);
        let rate = k.time.clone().recip().reshape([n]) / n as f32;
        weigh(u.model, &points, |energies| antithetic(energies, &rate))
    }

    /// `E(x) - E(y) - T (drift of U)` over the time, with the exact Laplacian.
    fn one_step(&self, u: &Update<Mlp>, y: Tensor<2>, k: &Transition) -> Contrast {
        let [n, _] = y.dims();
        let tracked = |t: &Tensor<2>| t.clone().autodiff();
        let (x, y) = (tracked(&u.data.x), tracked(&y));
        let time = k.time.clone().reshape([n]).autodiff();
        let member = tracked(&u.data.member);
        differentiate(u.model, |model: &Mlp| {
            let at = model.at(member);
            let place = match self.estimator {
                Estimator::FpClean => x.clone(),
                _ => y.clone(),
            };
            let (grad, laplacian) = curvature(&at, place.clone());
            let difference = at.energy(x) - at.energy(y);
            let of_drift = (place, grad, laplacian);
            self.diffusion.one_step(difference, time, of_drift).mean()
        })
    }
}

/// `sum of rate (E(x) - (E₊ + E₋)/2 + (E₊ - E₋)²/8)` `[1]` and its derivative in each energy, from the
/// energies `[3 n]` of x, of the points on one side and of those on the other, and rates `[n]`.
pub fn antithetic(energies: Tensor<1>, rate: &Tensor<1>) -> (Tensor<1>, Tensor<1>) {
    let [n] = rate.dims();
    let part = |i: usize| energies.clone().slice(i * n..(i + 1) * n);
    let (own, plus, minus) = (part(0), part(1), part(2));
    let gap = plus.clone() - minus.clone();
    let loss = own - (plus + minus) * 0.5 + gap.clone().powi_scalar(2) / 8.0;
    let slope = gap * 0.25 * rate.clone();
    let half = rate.clone() * 0.5;
    let weights = vec![
        rate.clone(),
        slope.clone() - half.clone(),
        slope.neg() - half,
    ];
    ((loss * rate.clone()).sum(), Tensor::cat(weights, 0))
}

/// Gradients `[n, 2]` and Laplacians `[n]` by a 2-jet along each axis.
fn curvature(at: &MlpAt, x: Tensor<2>) -> (Tensor<2>, Tensor<1>) {
    let [n, _] = x.dims();
    let device = x.device();
    let along = |axis: [f32; 2]| {
        let direction = Tensor::<2>::from_data([axis], &device).expand([n, 2]);
        at.jet(x.clone(), direction)
    };
    let (h, v) = (along([1.0, 0.0]), along([0.0, 1.0]));
    (
        Tensor::stack(vec![h.first, v.first], 1),
        h.second + v.second,
    )
}
