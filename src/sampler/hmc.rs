//! Hamiltonian Monte Carlo.

use super::{State, kinetic};
use crate::energy::Energy;
use burn::tensor::Tensor;

/// Momentum z, `leapfrog` steps of length s along the Hamiltonian flow of E(x) + |p|²/2, accepted
/// with probability `min(1, exp(H - H'))` (Neal 2011, arXiv 1206.1901).
pub(super) fn step(
    energy: &impl Energy,
    state: &mut State,
    s: &Tensor<2>,
    z: Tensor<2>,
    log_uniform: Tensor<2>,
    leapfrog: usize,
) -> Tensor<2> {
    let half_kick = |p: Tensor<2>, grad: &Tensor<2>| p - grad.clone() * s.clone() * 0.5;
    let before = state.energy.clone() + kinetic(z.clone());
    let mut p = half_kick(z, &state.grad);
    let mut x = state.x.clone();
    let mut last = None;
    for i in 0..leapfrog {
        x = x + p.clone() * s.clone();
        let here = State::at(energy, x.clone());
        p = half_kick(p, &here.grad);
        if i + 1 < leapfrog {
            p = half_kick(p, &here.grad);
        }
        last = Some(here);
    }
    let Some(proposal) = last else {
        return s.ones_like();
    };
    let log_ratio = before - (proposal.energy.clone() + kinetic(p));
    state.select(proposal, log_ratio, log_uniform)
}
