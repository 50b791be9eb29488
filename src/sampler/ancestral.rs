//! The way back from noise to data, level by level, along the forward chain's posterior (Ho et al. 2020,
//! arXiv 2006.11239, algorithm 2; for noise without shrinking Song et al. 2021, arXiv 2011.13456,
//! appendix F).
//!
//! Invariant: exact for data of one point; the better the finer the levels.

use crate::diffusion::Schedule;
use crate::energy::{Energy, LevelEnergy, membership_of};
use burn::tensor::Tensor;

/// The mean of the clean data given `x` `[n, d]` at level `t`, by Tweedie's formula: `(x - σ² ∂E/∂x)/a`.
pub fn denoised<M: LevelEnergy>(
    model: &M,
    schedule: &Schedule,
    t: usize,
    x: &Tensor<2>,
) -> Tensor<2> {
    let member = membership_of(t, model.levels(), 1, &x.device());
    let (_, grad) = model.at(member).energy_and_grad(x.clone());
    (x.clone() - grad * schedule.noise(t).powi(2)) / schedule.signal(t)
}

/// From `x` `[n, d]` at level `t` to level `t - 1`, with standard normals `z`; from level 0 to clean data.
pub fn ancestral_step<M: LevelEnergy>(
    model: &M,
    schedule: &Schedule,
    t: usize,
    x: Tensor<2>,
    z: Tensor<2>,
) -> Tensor<2> {
    let clean = denoised(model, schedule, t, &x);
    if t == 0 {
        return clean;
    }
    let p = schedule.posterior(t - 1);
    clean * p.clean + x * p.noisy + z * p.deviation
}
