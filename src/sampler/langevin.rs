//! The unadjusted Langevin algorithm.

use super::State;
use crate::energy::Energy;
use burn::tensor::Tensor;

/// `x' = x - s²/2 ∂E/∂x + s z`; always accepted. The stationary law is off by O(s²).
pub(super) fn step(
    energy: &impl Energy,
    state: &mut State,
    s: &Tensor<2>,
    z: Tensor<2>,
) -> Tensor<2> {
    let drift = state.grad.clone() * s.clone().powi_scalar(2) * 0.5;
    *state = State::at(energy, state.x.clone() - drift + z * s.clone());
    s.ones_like()
}
