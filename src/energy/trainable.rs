//! What training asks of a network.

use super::LevelEnergy;
use crate::kernel::Rule;
use burn::tensor::{Gradients, Tensor};

/// Points `[n, d]` and their memberships `[n, levels]`.
pub struct Batch<'a>(pub &'a Tensor<2>, pub &'a Tensor<2>);

/// A family of energies whose weights lie in one flat buffer.
///
/// Gradients by kernels are `None` where there are none for the device; the same loss of the
/// [`Trainable::tracked`] network then goes through automatic differentiation.
pub trait Trainable: LevelEnergy + Sized {
    /// The same network with its weights as leaves of an autodiff graph.
    fn tracked(&self) -> Self;

    /// The flat gradient `[parameters]` of a tracked network; zero where weights had no part.
    fn gradient(&self, gradients: &mut Gradients) -> Tensor<1>;

    /// `sum of weight E(x, label)` `[1]` over the rows of x `[n, d]`, memberships `[n, levels]` and weights
    /// `[n]`, with its gradient over the flat buffer.
    fn weighted_sum(
        &self,
        x: &Tensor<2>,
        member: &Tensor<2>,
        weight: &Tensor<1>,
    ) -> Option<(Tensor<1>, Tensor<1>)>;

    /// The mean energy of one batch less that of another `[1]`, with its gradient over the flat buffer.
    fn contrast(&self, _data: &Batch, _negatives: &Batch) -> Option<(Tensor<1>, Tensor<1>)> {
        None
    }

    /// The gradient over the flat buffer of a loss of energies `[n]`, whose derivatives `[n]` in them
    /// `rule` finds.
    fn weigh(
        &self,
        x: &Tensor<2>,
        member: &Tensor<2>,
        rule: &mut dyn FnMut(Tensor<1>) -> Tensor<1>,
    ) -> Option<Tensor<1>>;

    /// The gradient over the flat buffer of a loss of energies and their gradients in x, whose derivatives
    /// in them `rule` finds.
    fn slopes(&self, _x: &Tensor<2>, _member: &Tensor<2>, _rule: Rule) -> Option<Tensor<1>> {
        None
    }
}
