//! What the kernels of a plan compute.
//!
//! Invariant: images are rows `[n, channels * side * side]` of any number, conditions rows `[n, columns]`;
//! every answer is `None` for tensors that track gradients or lie elsewhere than the network.

use super::cpu::CpuPlan;
use super::plan::Plan;
use burn::tensor::Tensor;

/// From energies `[n]` and their gradients `[n, d]` to a loss's derivatives in each, of the same shapes.
pub type Rule<'a> = &'a mut dyn FnMut(Tensor<1>, Tensor<2>) -> (Tensor<1>, Tensor<2>);

/// The kernels of a plan at its present weights.
pub trait PlanKernels {
    /// What comes out for each image, `[n, outputs]`.
    fn output(&self, x: &Tensor<2>, condition: &Tensor<2>) -> Option<Tensor<2>>;

    /// Energies `[n]` and their gradients in the images `[n, d]`, of a plan that ends in one number.
    fn energy_and_grad(
        &self,
        x: &Tensor<2>,
        condition: &Tensor<2>,
    ) -> Option<(Tensor<1>, Tensor<2>)>;

    /// What comes out, and from a seed `[n, outputs]` to the gradients of `Σ seed output`.
    fn through(&self, x: &Tensor<2>, condition: &Tensor<2>) -> Option<(Tensor<2>, PulledBy<'_>)>;

    /// Gradients, but for that in the images, of a loss of energies and their gradients, whose
    /// derivatives `rule` finds.
    fn slopes(&self, x: &Tensor<2>, condition: &Tensor<2>, rule: Rule) -> Option<Pulled>;
}

/// What carries a seed back; `None` for a seed that tracks gradients or lies elsewhere.
pub type PulledBy<'a> = Box<dyn FnOnce(&Tensor<2>) -> Option<Pulled> + 'a>;

/// Gradients of a number that depends on what comes out.
pub struct Pulled {
    /// `[parameters]`
    pub parameters: Tensor<1>,
    /// `[n, columns]`
    pub condition: Tensor<2>,
    /// `[n, d]`, where asked for.
    pub x: Option<Tensor<2>>,
}

/// Kernels for the flat buffer `weights`; `None` where there are none for the device it lies on.
pub fn plan_kernels(plan: &Plan, weights: &Tensor<1>) -> Option<Box<dyn PlanKernels>> {
    Some(Box::new(CpuPlan::new(plan, weights)?))
}
