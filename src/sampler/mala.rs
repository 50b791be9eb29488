//! The Metropolis-adjusted Langevin algorithm.

use super::{State, kinetic};
use crate::energy::Energy;
use burn::tensor::Tensor;

/// `x' = x - s²/2 g + s z`, accepted with probability
/// `min(1, exp(E(x) - E(x') + |z|²/2 - |z'|²/2))`, where `z' = -z + (s/2)(g + g')` is the noise of the
/// way back. DA-EBM's released training code has s²/2 in place of s/2 there, which makes chains
/// of small steps sample exp(-2E) (DA-EBM notes, section 3.3); this is the exact ratio.
pub(super) fn step(
    energy: &impl Energy,
    state: &mut State,
    s: &Tensor<2>,
    z: Tensor<2>,
    log_uniform: Tensor<2>,
) -> Tensor<2> {
    let drift = state.grad.clone() * s.clone().powi_scalar(2) * 0.5;
    let proposal = State::at(energy, state.x.clone() - drift + z.clone() * s.clone());
    let back = (state.grad.clone() + proposal.grad.clone()) * s.clone() * 0.5 - z.clone();
    let log_ratio = state.energy.clone() - proposal.energy.clone() + kinetic(z) - kinetic(back);
    state.select(proposal, log_ratio, log_uniform)
}
