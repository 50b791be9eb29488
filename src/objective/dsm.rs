//! Denoising score matching with an energy (Vincent 2011): the gradient of the energy at a noised
//! point predicts the noise.
//!
//! Invariant: the minimum is `-log` of the data's density blurred by the noise, up to a constant.

use super::contrast::slopes;
use super::follow::Loss;
use super::{Contrast, Update};
use crate::energy::Trainable;
use crate::rng::Stream;
use crate::sampler::Labelled;
use burn::tensor::Tensor;

pub(super) struct DenoisingScoreMatching {
    /// Deviation of the noise.
    pub sigma: f64,
}

impl<N: Trainable> Loss<N> for DenoisingScoreMatching {
    fn contrast(&self, u: &Update<N>) -> Contrast {
        let z = u.normals(Stream::Diffuse, 1);
        let noised = Labelled {
            x: u.data.x.clone() + z.clone() * self.sigma,
            member: u.data.member.clone(),
        };
        slopes(u.model, &noised, |_, grad| {
            denoising(grad, z.clone().autodiff(), self.sigma)
        })
    }
}

/// `mean ½ |σ ∂E/∂y - z|²` `[1]` of gradients at noised points and the noise, `[n, d]`.
pub fn denoising(grad: Tensor<2>, z: Tensor<2>, sigma: f64) -> Tensor<1> {
    let [n, _] = z.dims();
    (grad * sigma - z).powi_scalar(2).sum() / (2 * n) as f32
}
