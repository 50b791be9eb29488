//! Denoising by the energy's gradient against the Wiener filter.

use super::{Gaussian, floats};
use crate::data::images::{Images, NUMBERS};
use crate::diffusion::Schedule;
use crate::energy::LevelEnergy;
use crate::rng::{Draws, Stream};
use crate::sampler::denoised;
use burn::tensor::{Device, Tensor, TensorData};
use serde::Serialize;

/// Peak signal-to-noise ratios on the [-1, 1] scale, in decibels: means over images.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Denoising {
    /// Deviation of the noise.
    pub noise: f64,
    /// The model's level, and the noise there in units of its signal.
    pub level: usize,
    pub level_noise: f64,
    pub noisy: f64,
    pub model: f64,
    pub wiener: f64,
}

/// Denoises test images at each noise, at the model's level with the nearest noise.
///
/// # Errors
/// If the Wiener filter cannot be made.
pub fn denoising<M: LevelEnergy>(
    model: &M,
    schedule: &Schedule,
    gaussian: &Gaussian,
    test: &Images,
    noises: &[f64],
    device: &Device,
) -> Result<Vec<Denoising>, String> {
    let clean = test.numbers();
    let mut found = Vec::new();
    for (i, &noise) in noises.iter().enumerate() {
        let z = Draws::new(1, Stream::Evaluation, 20 + i as u64).normals(clean.len());
        let noisy: Vec<f32> = clean
            .iter()
            .zip(z)
            .map(|(x, z)| x + noise as f32 * z)
            .collect();
        let relative = |t: usize| schedule.noise(t) / schedule.signal(t).max(1e-9);
        let far = |t: &usize| (relative(*t).max(1e-9) / noise).ln().abs();
        let levels = 0..schedule.levels();
        let level = levels.min_by(|a, b| far(a).total_cmp(&far(b))).unwrap_or(0);
        let shape = [test.len(), NUMBERS];
        let x = Tensor::<2>::from_data(TensorData::new(noisy.clone(), shape), device);
        let at_level = x * schedule.signal(level);
        let guess = floats(denoised(model, schedule, level, &at_level));
        let wiener = gaussian.denoise(&noisy, noise)?;
        found.push(Denoising {
            noise,
            level,
            level_noise: relative(level),
            noisy: psnr(&noisy, &clean),
            model: psnr(&guess, &clean),
            wiener: psnr(&wiener, &clean),
        });
    }
    Ok(found)
}

/// Mean over images of `10 log10(2²/mean squared error)`.
fn psnr(images: &[f32], clean: &[f32]) -> f64 {
    let pairs = images
        .chunks_exact(NUMBERS)
        .zip(clean.chunks_exact(NUMBERS));
    let of = |(a, b): (&[f32], &[f32])| {
        let terms = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2));
        let error = terms.sum::<f64>() / NUMBERS as f64;
        10.0 * (4.0 / error.max(1e-12)).log10()
    };
    let count = images.len() / NUMBERS;
    pairs.map(of).sum::<f64>() / count.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn psnr_of_a_known_error() {
        let clean = vec![0.0; 2 * NUMBERS];
        let mut images = vec![0.1; 2 * NUMBERS];
        images[NUMBERS..].fill(0.02);
        let right = (10.0 * 400f64.log10() + 10.0 * 10_000f64.log10()) / 2.0;
        assert!((psnr(&images, &clean) - right).abs() < 1e-5);
    }
}
