//! Markov chains that leave exp(-E) invariant (MALA, HMC) or nearly so (ULA), and the mixture
//! sampler that moves over noise levels.
//!
//! Invariant: a transition is a pure function of the chains and the noise given to it, whose words are
//! the same wherever they are drawn, so the same link replays the same chains on every backend.
//! A proposal whose energy is no number is rejected.

mod ancestral;
mod hmc;
mod langevin;
mod mala;
mod mixture;
mod replica;

pub use crate::kernel::{Moved, TAIL};
pub use ancestral::{ancestral, ancestral_step, denoised, posterior_draw};
pub use mixture::{Jump, JumpKind, Labelled, MixtureMoved, adapt, mixture_transition, move_labels};
pub use replica::exchange;

use crate::energy::Energy;
use crate::rng::{ChainDraws, Stream};
use burn::tensor::{Device, Tensor, TensorData};
use std::cell::OnceCell;

/// A Markov kernel of the plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// Unadjusted Langevin: always accepts, biased by its step size.
    Ula,
    /// Metropolis-adjusted Langevin.
    Mala,
    /// Hamiltonian Monte Carlo with this many leapfrog steps.
    Hmc { leapfrog: usize },
}

impl Kernel {
    /// Whether this is Langevin dynamics, with the Metropolis test or without.
    pub fn langevin(self) -> Option<bool> {
        match self {
            Self::Ula => Some(false),
            Self::Mala => Some(true),
            Self::Hmc { .. } => None,
        }
    }
}

/// The random input of transitions of `n` chains of points with `d` numbers: kernels draw it themselves.
#[derive(Clone)]
pub struct Noise {
    draws: ChainDraws,
    /// n and d.
    shape: [usize; 2],
    device: Device,
    /// Normals `[k, n, d]` and logarithms of uniforms `[k, n, 1]`, made on first use.
    drawn: OnceCell<[Tensor<3>; 2]>,
}

impl Noise {
    /// Draws for `k` transitions of `n` chains in `d` dimensions, keyed by (seed, streams, step).
    pub fn draw(
        seed: u64,
        streams: [Stream; 2],
        step: u64,
        [k, n, d]: [usize; 3],
        device: &Device,
    ) -> Self {
        Self {
            draws: ChainDraws {
                seed,
                streams,
                step,
                transitions: k,
                chains: n,
            },
            shape: [n, d],
            device: device.clone(),
            drawn: OnceCell::new(),
        }
    }

    /// The same draws, of one chain, for `n` chains.
    pub fn for_all(self, n: usize) -> Self {
        Self {
            shape: [n, self.shape[1]],
            drawn: OnceCell::new(),
            ..self
        }
    }

    /// What is drawn.
    pub fn draws(&self) -> &ChainDraws {
        &self.draws
    }

    /// Normals `[n, d]` and log uniforms `[n, 1]` of transition `i`.
    fn of(&self, i: usize) -> (Tensor<2>, Tensor<2>) {
        let [n, d] = self.shape;
        let ChainDraws {
            transitions: k,
            chains,
            ..
        } = self.draws;
        let drawn = self.drawn.get_or_init(|| {
            let table = |numbers: Vec<f32>, columns: usize| {
                let data = TensorData::new(numbers, [k, chains, columns]);
                Tensor::<3>::from_data(data, &self.device).expand([k, n, columns])
            };
            let draws = &self.draws;
            [table(draws.normals(d), d), table(draws.log_uniforms(), 1)]
        });
        let [z, log_uniform] = drawn.each_ref().map(|table| {
            let [_, _, columns] = table.dims();
            let part = table.clone().slice([i..i + 1, 0..n, 0..columns]);
            part.reshape([n, columns])
        });
        (z, log_uniform)
    }
}

/// Runs as many transitions as `noise` has draws for, one at least, from `x` `[n, d]` with proposal deviations
/// `step` `[n, 1]`.
pub fn run(
    kernel: Kernel,
    energy: &impl Energy,
    x: Tensor<2>,
    step: &Tensor<2>,
    noise: &Noise,
) -> Moved {
    let adjusted = kernel.langevin();
    let at_once = adjusted.and_then(|a| energy.langevin(&x, step, &noise.draws, a));
    at_once.unwrap_or_else(|| one_by_one(kernel, energy, x, step, noise))
}

fn one_by_one(
    kernel: Kernel,
    energy: &impl Energy,
    x: Tensor<2>,
    step: &Tensor<2>,
    noise: &Noise,
) -> Moved {
    let k = noise.draws.transitions;
    let mut state = State::at(energy, x);
    let mut accepted = step.zeros_like();
    let mut trail = Vec::with_capacity(TAIL);
    for i in 0..k {
        let (z, log_uniform) = noise.of(i);
        let accept = match kernel {
            Kernel::Ula => langevin::step(energy, &mut state, step, z),
            Kernel::Mala => mala::step(energy, &mut state, step, z, log_uniform),
            Kernel::Hmc { leapfrog } => {
                hmc::step(energy, &mut state, step, z, log_uniform, leapfrog)
            }
        };
        accepted = accepted + accept;
        if i + TAIL >= k {
            trail.push(state.x.clone());
        }
    }
    Moved {
        x: state.x,
        accepted: accepted / k as f32,
        trail: Tensor::stack(trail, 0),
    }
}

/// Chains with the energy and gradient at their places, so that no step computes them twice.
struct State {
    x: Tensor<2>,
    /// `[n, 1]`
    energy: Tensor<2>,
    grad: Tensor<2>,
}

impl State {
    fn at(energy: &impl Energy, x: Tensor<2>) -> Self {
        let (e, grad) = energy.energy_and_grad(x.clone());
        Self {
            x,
            energy: e.unsqueeze_dim(1),
            grad,
        }
    }

    /// Moves to `proposal` where `log_uniform < log_ratio`; a comparison with NaN is false, which
    /// rejects. Returns 1 where accepted, `[n, 1]`.
    fn select(
        &mut self,
        proposal: Self,
        log_ratio: Tensor<2>,
        log_uniform: Tensor<2>,
    ) -> Tensor<2> {
        let accept = log_uniform.lower(log_ratio);
        let pair = accept.clone().expand(self.x.dims());
        self.x = self.x.clone().mask_where(pair.clone(), proposal.x);
        self.grad = self.grad.clone().mask_where(pair, proposal.grad);
        self.energy = self
            .energy
            .clone()
            .mask_where(accept.clone(), proposal.energy);
        accept.float()
    }
}

/// Half the squared length of each row, `[n, 1]`.
fn kinetic(momentum: Tensor<2>) -> Tensor<2> {
    momentum.powi_scalar(2).sum_dim(1) * 0.5
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
