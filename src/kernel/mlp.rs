//! What the kernels of an MLP compute: energies, chains and the parameter gradient.
//!
//! Invariant: rows of any number; every answer is `None` for tensors that track gradients or lie
//! elsewhere than the network.

use super::cpu::CpuMlp;
use super::gpu::GpuMlp;
use super::network::Network;
use crate::rng::ChainDraws;
use burn::tensor::Tensor;

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

/// The kernels of a network at its present weights.
pub trait MlpKernels {
    /// Energies `[n]` of points `[n, 2]` with labels `[n]`, or `[1]` for all.
    fn energy(&self, x: &Tensor<2>, labels: &Tensor<1>) -> Option<Tensor<1>>;

    /// Energies `[n, levels]` of points `[n, 2]` at every level.
    fn all_levels(&self, x: &Tensor<2>) -> Option<Tensor<2>>;

    /// Energies `[n]` and gradients `[n, 2]` of points `[n, 2]` with labels `[n]`, or `[1]` for all.
    fn energy_and_grad(&self, x: &Tensor<2>, labels: &Tensor<1>) -> Option<(Tensor<1>, Tensor<2>)>;

    /// The chains after as many transitions of Langevin dynamics as there are draws for, one at least,
    /// with the Metropolis test if `adjusted`. `start` `[n, 4]` holds x, y, label and proposal deviation.
    fn chains(&self, start: &Tensor<2>, draws: &ChainDraws, adjusted: bool) -> Option<Moved>;

    /// The sum of `weight E(x, label)` over rows, and its gradient by the parameters; `x` is
    /// `[n, 2]`, `marks` `[n, 2]` holds label and weight.
    fn tape(&self, x: &Tensor<2>, marks: &Tensor<2>) -> Option<Tape>;
}

/// A weighted sum of energies and its gradient.
pub struct Tape {
    /// `[1]`
    pub sum: Tensor<1>,
    /// `[layer parameters]`, the flat buffer without the gates' part.
    pub layers: Tensor<1>,
    /// `[depth * levels, width]`; empty for a plain network.
    pub gates: Option<Tensor<2>>,
}

/// Kernels for the flat buffer `weights` and the gates `[depth * levels, width]` of a gated network.
/// `None` where weights track gradients, or the network is too large for the GPU they are on.
pub fn mlp_kernels(
    network: Network,
    weights: &Tensor<1>,
    gates: Option<&Tensor<2>>,
) -> Option<Box<dyn MlpKernels>> {
    match CpuMlp::new(network, weights, gates) {
        Some(kernels) => Some(Box::new(kernels)),
        None => Some(Box::new(GpuMlp::new(network, weights, gates)?)),
    }
}
