//! Markov chains that leave exp(-E) invariant (MALA, HMC) or nearly so (ULA), and the mixture
//! sampler that moves over noise levels.
//!
//! Invariant: a transition is a pure function of the chains and the noise given to it; all
//! randomness is drawn on the host, so the same link replays the same chains on every backend.
//! A proposal whose energy is no number is rejected.

mod ancestral;
mod hmc;
mod langevin;
mod mala;
mod mixture;
mod replica;

pub use ancestral::{ancestral, ancestral_step, denoised, posterior_draw};
pub use mixture::{Jump, JumpKind, Labelled, MixtureMoved, adapt, mixture_transition};
pub use replica::exchange;

use crate::energy::Energy;
use crate::rng::{Draws, Stream};
use burn::tensor::{Device, Tensor, TensorData};

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

/// The random input of `k` transitions of `n` chains of points with `d` numbers.
#[derive(Clone)]
pub struct Noise {
    /// `[k, n, d + 1]`: standard normals, and the logarithm of a uniform for the accept test.
    draws: Tensor<3>,
}

impl Noise {
    /// Draws for `k` transitions of `n` chains in `d` dimensions, keyed by (seed, streams, step).
    pub fn draw(
        seed: u64,
        [normal, uniform]: [Stream; 2],
        step: u64,
        [k, n, d]: [usize; 3],
        device: &Device,
    ) -> Self {
        let z = Draws::new(seed, normal, step).normals(k * n * d);
        let u = Draws::new(seed, uniform, step).uniforms(k * n);
        let draws: Vec<f32> = z
            .chunks_exact(d)
            .zip(u)
            .flat_map(|(z, u)| z.iter().copied().chain([libm::logf(u)]))
            .collect();
        Self {
            draws: Tensor::from_data(TensorData::new(draws, [k, n, d + 1]), device),
        }
    }

    /// The same draws, of one chain, for `n` chains.
    pub fn for_all(self, n: usize) -> Self {
        Self {
            draws: self.draws.repeat_dim(1, n),
        }
    }

    fn transitions(&self) -> usize {
        self.draws.dims()[0]
    }

    /// Normals `[n, d]` and log uniforms `[n, 1]` of transition `i`.
    fn of(&self, i: usize) -> (Tensor<2>, Tensor<2>) {
        let [_, n, width] = self.draws.dims();
        let part = |columns: std::ops::Range<usize>| {
            let count = columns.len();
            let part = self.draws.clone().slice([i..i + 1, 0..n, columns]);
            part.reshape([n, count])
        };
        (part(0..width - 1), part(width - 1..width))
    }
}

/// Places of a chain's past that are kept, for drawing.
pub const TAIL: usize = 8;

/// Where chains are after some transitions.
pub struct Moved {
    /// `[n, d]` places.
    pub x: Tensor<2>,
    /// `[n, 1]` share of proposals accepted.
    pub accepted: Tensor<2>,
    /// Places after each of the last [`TAIL`] transitions, oldest first, `[at most TAIL, n, d]`.
    pub trail: Tensor<3>,
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
    let adjusted = match kernel {
        Kernel::Ula => Some(false),
        Kernel::Mala => Some(true),
        Kernel::Hmc { .. } => None,
    };
    let at_once = adjusted.and_then(|a| energy.langevin(&x, step, &noise.draws, a));
    match at_once {
        Some(path) => of_path(path),
        None => one_by_one(kernel, energy, x, step, noise),
    }
}

/// The outcome from places and acceptance after each transition, `[k, n, 3]`.
fn of_path(path: Tensor<3>) -> Moved {
    let [k, n, _] = path.dims();
    Moved {
        x: path.clone().slice([k - 1..k, 0..n, 0..2]).reshape([n, 2]),
        accepted: path
            .clone()
            .slice([0..k, 0..n, 2..3])
            .mean_dim(0)
            .reshape([n, 1]),
        trail: path.slice([k.saturating_sub(TAIL)..k, 0..n, 0..2]),
    }
}

fn one_by_one(
    kernel: Kernel,
    energy: &impl Energy,
    x: Tensor<2>,
    step: &Tensor<2>,
    noise: &Noise,
) -> Moved {
    let k = noise.transitions();
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
