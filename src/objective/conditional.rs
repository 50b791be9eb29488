//! Energies of a level given the noisier one above it, as DRL and DDAEBM have them.
//!
//! Invariant: `E(x, t | y) = E(x, t) + |y - a x|²/(2 b)` with a and b those of the forward step from t
//! to t + 1, so `exp(-E(.|y))` is Bayes' rule for y drawn by that step.

use super::Update;
use crate::diffusion::Schedule;
use crate::energy::{Energy, LevelEnergy};
use crate::rng::Stream;
use crate::sampler::{Kernel, Labelled, MixtureMoved, Noise, run};
use burn::tensor::{Device, Tensor};

/// Coefficients of a schedule's forward step from each level that has an energy, each `[1, levels]`.
#[derive(Clone)]
pub struct ForwardStep {
    signal: Tensor<2>,
    variance: Tensor<2>,
}

impl ForwardStep {
    pub fn new(schedule: &Schedule, device: &Device) -> Self {
        let row = |of: &dyn Fn(usize) -> f64| per_level(schedule.levels(), of, device);
        Self {
            signal: row(&|t| schedule.step_signal(t + 1)),
            variance: row(&|t| schedule.beta(t + 1)),
        }
    }

    /// a and b `[n, 1]` of rows at the levels of `member` `[n, levels]`.
    pub fn at(&self, member: &Tensor<2>) -> [Tensor<2>; 2] {
        [&self.signal, &self.variance].map(|row| of_level(member, row))
    }

    /// `energy` at the levels of `member`, given the points `above` `[n, d]`.
    pub fn given<'a, E>(
        &self,
        energy: &'a E,
        member: &Tensor<2>,
        above: Tensor<2>,
    ) -> Conditional<'a, E> {
        let [signal, variance] = self.at(member);
        Conditional {
            energy,
            above,
            signal,
            variance,
        }
    }

    /// A draw y of the level above for points of the batch, `[n, d]`.
    pub(super) fn noised<N>(&self, u: &Update<N>) -> Tensor<2> {
        let [a, b] = self.at(&u.data.member);
        u.data.x.clone() * a + u.normals(Stream::Diffuse, 1) * b.sqrt()
    }
}

/// Langevin dynamics from `chains` on the energy given the points `above` `[n, d]`, with proposal
/// deviations `steps` `[levels]` and as many transitions as `noise` has draws for.
pub fn recover<M: LevelEnergy>(
    model: &M,
    forward: &ForwardStep,
    kernel: Kernel,
    chains: Labelled,
    above: Tensor<2>,
    steps: &Tensor<1>,
    noise: &Noise,
) -> MixtureMoved {
    let Labelled { x, member } = chains;
    let energy = model.at(member.clone());
    let conditional = forward.given(&energy, &member, above);
    let step = (member.clone() * steps.clone().unsqueeze::<2>()).sum_dim(1);
    MixtureMoved::of(run(kernel, &conditional, x, &step, noise), member)
}

/// A row `[1, levels]` of numbers.
pub(super) fn per_level(levels: usize, of: &dyn Fn(usize) -> f64, device: &Device) -> Tensor<2> {
    let row: Vec<f32> = (0..levels).map(|t| of(t) as f32).collect();
    Tensor::<1>::from_data(row.as_slice(), device).unsqueeze()
}

/// The entry of `row` `[1, levels]` at each row's level, `[n, 1]`.
pub(super) fn of_level(member: &Tensor<2>, row: &Tensor<2>) -> Tensor<2> {
    (member.clone() * row.clone()).sum_dim(1)
}

/// The energy of points given the noisier points they became.
pub struct Conditional<'a, E> {
    pub energy: &'a E,
    /// y `[n, d]`.
    pub above: Tensor<2>,
    /// a and b, `[n, 1]`.
    pub signal: Tensor<2>,
    pub variance: Tensor<2>,
}

impl<E: Energy> Energy for Conditional<'_, E> {
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        let gap = self.above.clone() - x.clone() * self.signal.clone();
        let bond = gap.powi_scalar(2).sum_dim(1) / (self.variance.clone() * 2.0);
        self.energy.energy(x) + bond.squeeze_dim(1)
    }

    fn energy_and_grad(&self, x: Tensor<2>) -> (Tensor<1>, Tensor<2>) {
        let gap = self.above.clone() - x.clone() * self.signal.clone();
        let bond = gap.clone().powi_scalar(2).sum_dim(1) / (self.variance.clone() * 2.0);
        let (energy, grad) = self.energy.energy_and_grad(x);
        let pull = gap * self.signal.clone() / self.variance.clone();
        (energy + bond.squeeze_dim(1), grad - pull)
    }
}
