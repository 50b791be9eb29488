//! Denoising score matching with an energy (Vincent 2011): the gradient of the energy at a noised
//! point predicts the noise.
//!
//! Invariant: the minimum is `-log` of the data's density blurred by the noise, up to a constant.

use super::contrast::differentiate;
use super::follow::Loss;
use super::{Contrast, Update, points};
use crate::energy::{Energy, LevelEnergy};
use crate::rng::{Draws, Stream};
use burn::tensor::Tensor;

pub(super) struct DenoisingScoreMatching {
    /// Deviation of the noise.
    pub sigma: f64,
}

impl Loss for DenoisingScoreMatching {
    fn contrast(&self, u: &Update) -> Contrast {
        let [n, _] = u.data.x.dims();
        let z = Draws::new(u.seed, Stream::Diffuse, u.iteration).normals(2 * n);
        let z = points(z, u.device);
        let y = (u.data.x.clone() + z.clone() * self.sigma).autodiff();
        let (z, member) = (z.autodiff(), u.data.member.clone().autodiff());
        differentiate(u.architecture, u.flat, |model| {
            let (_, grad) = model.at(member).energy_and_grad(y);
            denoising(grad, z, self.sigma)
        })
    }
}

/// `mean ½ |σ ∂E/∂y - z|²` `[1]` of gradients at noised points and the noise, `[n, 2]`.
pub fn denoising(grad: Tensor<2>, z: Tensor<2>, sigma: f64) -> Tensor<1> {
    let [n, _] = z.dims();
    (grad * sigma - z).powi_scalar(2).sum() / (2 * n) as f32
}
