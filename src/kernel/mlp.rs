//! What the kernels of an MLP compute: energies, chains, levels and the parameter gradient.
//!
//! Invariant: rows of any number; every answer is `None` for tensors that track gradients or lie
//! elsewhere than the network.

use super::cpu::CpuMlp;
use super::gpu::GpuMlp;
use super::network::Network;
use crate::rng::{ChainDraws, Draws};
use burn::tensor::Tensor;

/// Places of a chain's past that are kept, for drawing.
pub const TAIL: usize = 8;

/// Where chains stand before they move: x, y, label and proposal deviation, `[n, 4]`.
pub struct Seats(pub Tensor<2>);

impl Seats {
    /// Chains at `x` `[n, 2]` with labels `[n]`, or `[1]` for all, and deviations `[n, 1]`.
    pub fn of(x: &Tensor<2>, labels: &Tensor<1>, deviations: &Tensor<2>) -> Self {
        let [n, _] = x.dims();
        let labels = labels.clone().reshape([-1, 1]).expand([n, 1]);
        Self(Tensor::cat(vec![x.clone(), labels, deviations.clone()], 1))
    }
}

/// Where chains are after some transitions.
pub struct Moved {
    /// `[n, d]` places.
    pub x: Tensor<2>,
    /// `[n, 1]` share of proposals accepted.
    pub accepted: Tensor<2>,
    /// Places after each of the last [`TAIL`] transitions, oldest first, `[at most TAIL, n, d]`.
    pub trail: Tensor<3>,
}

/// A weighted sum of energies `[1]` and its gradient over the flat buffer.
pub struct Weighed {
    pub sum: Tensor<1>,
    pub gradient: Tensor<1>,
}

/// The kernels of a network at its present weights.
pub trait MlpKernels {
    /// Energies `[n]` of points `[n, 2]` with labels `[n]`, or `[1]` for all.
    fn energy(&self, x: &Tensor<2>, labels: &Tensor<1>) -> Option<Tensor<1>>;

    /// Energies `[n, levels]` of points `[n, 2]` at every level.
    fn all_levels(&self, x: &Tensor<2>) -> Option<Tensor<2>>;

    /// Energies `[n]` and gradients `[n, 2]` of points `[n, 2]` with labels `[n]`, or `[1]` for all.
    fn energy_and_grad(&self, x: &Tensor<2>, labels: &Tensor<1>) -> Option<(Tensor<1>, Tensor<2>)>;

    /// Memberships `[n, levels]`: a level for each of the points `[n, 2]`, drawn from softmax(-E) over all
    /// levels. `None` for a network without any.
    fn draw_levels(&self, x: &Tensor<2>, draws: &Draws) -> Option<Tensor<2>>;

    /// The chains after as many transitions of Langevin dynamics as there are draws for, one at least,
    /// with the Metropolis test if `adjusted`.
    fn chains(&self, seats: &Seats, draws: &ChainDraws, adjusted: bool) -> Option<Moved>;

    /// The sum of `weight E(x, label)` over rows; `x` is `[n, 2]`, `marks` `[n, 2]` holds label and weight.
    fn weigh(&self, x: &Tensor<2>, marks: &Tensor<2>) -> Option<Weighed>;

    /// The mean energy of the first batch less that of the second, each points `[n, 2]` and memberships
    /// `[n, levels]`.
    fn contrast(&self, batches: [[&Tensor<2>; 2]; 2]) -> Option<Weighed>;
}

/// Kernels for the flat buffer `weights`, and what a gated network's time network reads, `[levels, width]`.
/// `None` where weights track gradients, or the network is too large for the GPU they are on.
pub fn mlp_kernels(
    network: Network,
    weights: &Tensor<1>,
    embedding: &[f32],
) -> Option<Box<dyn MlpKernels>> {
    match CpuMlp::new(network, weights, embedding) {
        Some(kernels) => Some(Box::new(kernels)),
        None => Some(Box::new(GpuMlp::new(network, weights, embedding)?)),
    }
}
