//! Denoising by the energy's gradient against the Wiener filter.

use super::{Gaussian, floats};
use crate::data::images::{Images, NUMBERS};
use crate::engine::model::ImageModel;
use crate::engine::scores::psnr;
use crate::rng::{Draws, Stream};
use crate::sampler::denoised;
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
pub fn denoising(
    model: &ImageModel,
    gaussian: &Gaussian,
    test: &Images,
    noises: &[f64],
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
        let level = model.level_of(noise);
        let x = model.matrix(noisy.clone()) * model.schedule.signal(level);
        let guess = floats(denoised(&model.energy, &model.schedule, level, &x));
        let wiener = gaussian.denoise(&noisy, noise)?;
        found.push(Denoising {
            noise,
            level,
            level_noise: model.relative_noise(level),
            noisy: mean_psnr(&noisy, &clean),
            model: mean_psnr(&guess, &clean),
            wiener: mean_psnr(&wiener, &clean),
        });
    }
    Ok(found)
}

/// Mean ratio over images.
fn mean_psnr(images: &[f32], clean: &[f32]) -> f64 {
    let pairs = images
        .chunks_exact(NUMBERS)
        .zip(clean.chunks_exact(NUMBERS));
    let count = images.len() / NUMBERS;
    pairs.map(|(a, b)| f64::from(psnr(a, b))).sum::<f64>() / count.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_averaged_over_images() {
        let clean = vec![0.0; 2 * NUMBERS];
        let mut images = vec![0.1; 2 * NUMBERS];
        images[NUMBERS..].fill(0.02);
        let right = (10.0 * 400f64.log10() + 10.0 * 10_000f64.log10()) / 2.0;
        assert!((mean_psnr(&images, &clean) - right).abs() < 1e-5);
    }
}
