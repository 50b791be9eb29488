//! The way back from noise to data, level by level, along the forward chain's posterior (Ho et al. 2020,
//! arXiv 2006.11239, algorithm 2; for noise without shrinking Song et al. 2021, arXiv 2011.13456,
//! appendix F).
//!
//! Invariant: exact for data of one point; the better the finer the levels.

use crate::diffusion::Schedule;
use crate::energy::{Energy, LevelEnergy, membership_of};
use crate::rng::{Draws, Stream};
use burn::tensor::{Device, Tensor, TensorData};

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
    match t {
        0 => clean,
        _ => posterior_draw(schedule, t, &x, clean, z),
    }
}

/// From `x` at level `t`, above 0, with `clean` behind it, to level `t - 1`.
pub fn posterior_draw(
    schedule: &Schedule,
    t: usize,
    x: &Tensor<2>,
    clean: Tensor<2>,
    z: Tensor<2>,
) -> Tensor<2> {
    let p = schedule.posterior(t - 1);
    clean * p.clean + x.clone() * p.noisy + z * p.deviation
}

/// Clean samples `[n, d]` all the way from noise, with draws keyed by seed and by steps from `key` on, one
/// more than there are levels.
pub fn ancestral<M: LevelEnergy>(
    model: &M,
    schedule: &Schedule,
    [n, d]: [usize; 2],
    [seed, key]: [u64; 2],
    device: &Device,
) -> Tensor<2> {
    let levels = schedule.levels();
    let draw = |step: usize| {
        let z = Draws::new(seed, Stream::ReverseNoise, key + step as u64).normals(n * d);
        Tensor::<2>::from_data(TensorData::new(z, [n, d]), device)
    };
    let start = draw(levels) * schedule.noise(levels - 1);
    (0..levels)
        .rev()
        .fold(start, |x, t| ancestral_step(model, schedule, t, x, draw(t)))
}
