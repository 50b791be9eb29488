//! Networks that are trained beside an energy: DDAEBM's generator and variational posterior.
//!
//! Invariant: all weights of a network lie in one flat buffer, and a network is a view of it.

use crate::rng::Stream;
use burn::tensor::Tensor;

/// What a network reads, row by row.
#[derive(Clone)]
pub struct Inputs {
    /// Points `[n, d]`, or several side by side.
    pub x: Tensor<2>,
    /// `[n, latents]`, for a network that has them.
    pub latent: Option<Tensor<2>>,
    /// `[n, levels]`
    pub member: Tensor<2>,
}

/// The shape of a network: enough to make one around a flat buffer.
pub trait Blueprint {
    /// Number of weights.
    fn parameters(&self) -> usize;

    /// Fresh weights `[parameters]`.
    fn init(&self, seed: u64, stream: Stream) -> Vec<f32>;

    /// A view of the flat buffer `[parameters]`.
    fn build(&self, flat: &Tensor<1>) -> Box<dyn Network>;
}

/// A network around its weights.
pub trait Network {
    /// What comes out, `[n, outputs]`.
    fn output(&self, inputs: &Inputs) -> Tensor<2>;

    /// What comes out, and the way back.
    fn through(&self, inputs: &Inputs) -> (Tensor<2>, Pullback<'_>);
}

/// From a seed `[n, outputs]` to the gradients of `Σ seed output`.
pub type Pullback<'a> = Box<dyn FnOnce(Tensor<2>) -> Pull + 'a>;

/// Gradients in what a network depends on.
pub struct Pull {
    /// `[parameters]`
    pub parameters: Tensor<1>,
    /// `[n, d]`
    pub x: Tensor<2>,
    /// `[n, latents]`, for a network that has them.
    pub latent: Option<Tensor<2>>,
}
