//! Steps of the optimiser.
//!
//! Invariant: the tensors that go in stay as they were; all lie on one device, or the answer is `None`.

use super::{cpu, gpu};
use burn::tensor::Tensor;

/// What a step changes, `[parameters]` each.
pub struct AdamState {
    pub weights: Tensor<1>,
    /// Moments of the gradient.
    pub first: Tensor<1>,
    pub second: Tensor<1>,
    /// Running average of the weights, if there is one.
    pub average: Option<Tensor<1>>,
}

/// The numbers of a step.
pub struct AdamRule {
    /// Learning rate, by the bias of the first moment.
    pub rate: f64,
    /// One by the bias of the second moment.
    pub root: f64,
    pub beta1: f64,
    pub beta2: f64,
    /// Longest gradient, 0 for any.
    pub clip: f64,
    /// Memory of the average.
    pub memory: f64,
}

/// The state after a step along `gradient` `[parameters]`, shortened as the rule says, and the gradient's
/// length before `[1]`.
pub fn adam(
    state: &AdamState,
    gradient: &Tensor<1>,
    rule: &AdamRule,
) -> Option<(AdamState, Tensor<1>)> {
    cpu::adam(state, gradient, rule).or_else(|| gpu::adam(state, gradient, rule))
}
