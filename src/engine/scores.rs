//! What an energy says of images: readings for their scores, and maps of where they come from.
//!
//! Invariant: an image's readings depend on that image alone, not on the others that are read with it.

use super::model::ImageModel;
use super::{Reading, TrainError, read};
use crate::data::export::complexity;
use crate::data::images::{Images, NUMBERS, SIDE};
use crate::diffusion::Schedule;
use crate::energy::Energy;
use crate::rng::{Draws, Stream};
use crate::weights::reference::Measured;
use burn::tensor::{Tensor, TensorData};

/// Levels of a profile, and Langevin steps after which the energy is read again.
const PROFILE: usize = 12;
pub const DROP_STEPS: usize = 10;

/// Largest noise of a profile: beyond it little of the image is left.
const MOST_NOISE: f64 = 2.6;

/// The levels whose gradients make a profile: at most twelve, evenly from the cleanest on.
pub fn profile_levels(schedule: &Schedule) -> Vec<usize> {
    let levels = schedule.levels();
    let far =
        (0..levels).filter(|&t| schedule.noise(t) / schedule.signal(t).max(1e-9) <= MOST_NOISE);
    let last = far.max().unwrap_or(0);
    let count = PROFILE.min(last + 1);
    let mut chosen: Vec<usize> = (0..count).map(|i| i * last / (count - 1).max(1)).collect();
    chosen.dedup();
    chosen
}

/// Reads the energy at images.
///
/// # Errors
/// If the device fails to answer.
pub async fn measure(model: &ImageModel, images: &Images) -> Result<Vec<Measured>, TrainError> {
    let n = images.len();
    let x = model.rows(images);
    let chosen = profile_levels(&model.schedule);
    let k = chosen.len();
    // All levels of an image side by side: few images fill a tile too.
    let labels: Vec<usize> = chosen.iter().flat_map(|&t| vec![t; n]).collect();
    let (energy, grad) = model
        .at_each(&labels)
        .energy_and_grad(x.clone().repeat_dim(0, k) * signals(model, &labels));
    let norms = grad.powi_scalar(2).sum_dim(1).sqrt();
    let errors = errors(model, &x, &chosen);
    let after = model.at(0).energy(after_steps(model, x));
    let found: Vec<Reading> = vec![energy.into(), norms.into(), errors.into(), after.into()];
    let found = read(found).await?;
    let (energy, norms, errors, after) = (&found[0], &found[1], &found[2], &found[3]);
    let log = |v: f32| v.max(1e-12).ln();
    let of = |row: usize| (0..k).map(move |level| level * n + row);
    let measured = |row: usize| Measured {
        energy: energy[row],
        mean_energy: of(row).map(|i| energy[i]).sum::<f32>() / k as f32,
        gradient: norms[row],
        drop: energy[row] - after[row],
        profile: of(row).map(|i| log(norms[i])).collect(),
        errors: of(row).map(|i| log(errors[i])).collect(),
        bytes: complexity(images, row),
    };
    Ok((0..n).map(measured).collect())
}

/// Lengths of σ ∂E/∂x - z at images with noise z of each level, the same for every image; `[levels * n, 1]`.
fn errors(model: &ImageModel, x: &Tensor<2>, levels: &[usize]) -> Tensor<2> {
    let [n, _] = x.dims();
    let labels: Vec<usize> = levels.iter().flat_map(|&t| vec![t; n]).collect();
    let noise = labels.iter().map(|&t| model.schedule.noise(t) as f32);
    let noise = TensorData::new(noise.collect(), [labels.len(), 1]);
    let noise = Tensor::<2>::from_data(noise, &model.device);
    let normals = |t: &usize| {
        let draws = Draws::new(1, Stream::Evaluation, *t as u64);
        model.matrix(draws.normals(NUMBERS)).repeat_dim(0, n)
    };
    let z = Tensor::cat(levels.iter().map(normals).collect(), 0);
    let clean = x.clone().repeat_dim(0, levels.len()) * signals(model, &labels);
    let noisy = clean + z.clone() * noise.clone();
    let (_, grad) = model.at_each(&labels).energy_and_grad(noisy);
    (grad * noise - z).powi_scalar(2).sum_dim(1).sqrt()
}

/// How much of the clean image is left at each label, `[n, 1]`.
fn signals(model: &ImageModel, labels: &[usize]) -> Tensor<2> {
    let signals = labels.iter().map(|&t| model.schedule.signal(t) as f32);
    let signals = TensorData::new(signals.collect(), [labels.len(), 1]);
    Tensor::from_data(signals, &model.device)
}

/// Images after some unadjusted Langevin steps at level 0, with the same noise for every image.
fn after_steps(model: &ImageModel, mut x: Tensor<2>) -> Tensor<2> {
    let at = model.at(0);
    let step = 0.5 * model.schedule.noise(0).max(1e-2);
    for i in 0..DROP_STEPS {
        let z = Draws::new(0, Stream::Evaluation, i as u64).normals(NUMBERS);
        let (_, grad) = at.energy_and_grad(x.clone());
        x = x - grad * (0.5 * step * step) + model.matrix(z) * step;
    }
    x
}

/// Where an image's scores come from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Maps {
    /// Levels, and deviation of the noise of each in units of its signal.
    pub levels: Vec<usize>,
    pub noise: Vec<f32>,
    /// E of the image, scaled to each level, and |∂E/∂x|.
    pub energies: Vec<f32>,
    pub norms: Vec<f32>,
    /// Length of the gradient at each pixel, `[levels, SIDE, SIDE]`.
    pub gradients: Vec<f32>,
    /// The image after the steps of the energy drop.
    pub after: Images,
}

/// Maps of one image at the levels of its profile.
///
/// # Errors
/// If the device fails to answer.
pub async fn maps(model: &ImageModel, image: &Images) -> Result<Maps, TrainError> {
    let levels = profile_levels(&model.schedule);
    let k = levels.len();
    let x = model.rows(&image.part(0, 1));
    let (energy, grad) = model
        .at_each(&levels)
        .energy_and_grad(x.clone().repeat_dim(0, k) * signals(model, &levels));
    let squares = grad.powi_scalar(2).reshape([k, 3, SIDE * SIDE]);
    let lengths: Tensor<2> = squares.sum_dim(1).reshape([k, SIDE * SIDE]).sqrt();
    let after = after_steps(model, x);
    let found = read(vec![energy.into(), lengths.into(), after.into()]).await?;
    let norm = |map: &[f32]| map.iter().map(|v| v * v).sum::<f32>().sqrt();
    Ok(Maps {
        noise: levels
            .iter()
            .map(|&t| model.relative_noise(t) as f32)
            .collect(),
        energies: found[0].clone(),
        norms: found[1].chunks_exact(SIDE * SIDE).map(norm).collect(),
        gradients: found[1].clone(),
        after: Images::from_numbers(&found[2]),
        levels,
    })
}

/// An image with noise on it and without again.
#[derive(Clone, Debug, PartialEq)]
pub struct Denoised {
    /// The level that was asked, and the deviation of its noise in units of its signal.
    pub level: usize,
    pub noise: f32,
    pub noisy: Images,
    pub clean: Images,
    /// Peak signal-to-noise ratios in decibels, on the scale from -1 to 1.
    pub noisy_psnr: f32,
    pub clean_psnr: f32,
}

/// Puts noise of the level nearest to this deviation on an image, and takes it away again.
///
/// # Errors
/// If the device fails to answer.
pub async fn denoise(
    model: &ImageModel,
    image: &Images,
    noise: f64,
    seed: u64,
) -> Result<Denoised, TrainError> {
    let level = model.level_of(noise);
    let relative = model.relative_noise(level) as f32;
    let clean = image.part(0, 1).numbers();
    let z = Draws::new(seed, Stream::Evaluation, level as u64).normals(NUMBERS);
    let noisy: Vec<f32> = clean.iter().zip(z).map(|(x, z)| x + relative * z).collect();
    let x = model.matrix(noisy.clone()) * model.schedule.signal(level);
    let guess = crate::sampler::denoised(&model.energy, &model.schedule, level, &x);
    let guess = read(vec![guess.into()]).await?.concat();
    Ok(Denoised {
        level,
        noise: relative,
        noisy_psnr: psnr(&noisy, &clean),
        clean_psnr: psnr(&guess, &clean),
        noisy: Images::from_numbers(&noisy),
        clean: Images::from_numbers(&guess),
    })
}

/// `10 log10(2²/mean squared error)` of an image.
pub fn psnr(image: &[f32], clean: &[f32]) -> f32 {
    let pairs = image.iter().zip(clean);
    let error = pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>() / clean.len() as f64;
    (10.0 * (4.0 / error.max(1e-12)).log10()) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::made::{Made, golden};
    use crate::energy::conv::ConvArchitecture;
    use crate::engine::block_on;
    use crate::weights::{Method, ModelSpec, WeightsFile};
    use burn::tensor::Device;

    /// A small denoiser with fresh weights, but none of them at zero.
    fn model() -> ImageModel {
        let spec = ModelSpec::tiny(Method::Dcd);
        let architecture = ConvArchitecture::from_spec(&spec);
        let flat: Vec<f32> = architecture.init(3).iter().map(|w| w + 0.01).collect();
        let arrays = architecture.draw().layout.arrays(&flat);
        let file = WeightsFile {
            model: spec,
            arrays,
        };
        ImageModel::new(&file, &Device::flex()).unwrap()
    }

    #[test]
    fn an_image_is_read_the_same_alone_and_among_others() {
        let model = model();
        let all = block_on(measure(&model, &golden())).unwrap();
        let alone = block_on(measure(&model, &golden().part(3, 1))).unwrap();
        assert_eq!(all[3], alone[0]);
        assert_ne!(all[3], all[4]);
        assert!((all[3].profile[0].exp() / all[3].gradient - 1.0).abs() < 1e-5);
    }

    #[test]
    fn maps_add_up_to_the_profile() {
        let model = model();
        let image = Made::Disc.image(4);
        let maps = block_on(maps(&model, &image)).unwrap();
        let measured = block_on(measure(&model, &image)).unwrap().remove(0);
        assert_eq!(maps.levels, profile_levels(&model.schedule));
        for (norm, log) in maps.norms.iter().zip(&measured.profile) {
            assert!((norm.ln() - log).abs() < 1e-4);
        }
        assert!((maps.energies[0] - measured.energy).abs() < 1e-3 * measured.energy.abs());
        assert_eq!(maps.gradients.len(), maps.levels.len() * SIDE * SIDE);
        assert_eq!(maps.after.len(), 1);
    }

    #[test]
    fn denoising_is_measured_against_the_clean_image() {
        let found = block_on(denoise(&model(), &Made::Blobs.image(2), 0.3, 7)).unwrap();
        // Noise of this deviation has a ratio of 10 log10(4/σ²); 3072 squares are 2.6 % off at most.
        let right = 10.0 * (4.0 / (found.noise * found.noise)).log10();
        assert!((found.noisy_psnr - right).abs() < 0.5, "{found:?}");
        assert!(found.clean_psnr.is_finite());
    }

    #[test]
    fn psnr_of_a_known_error() {
        let clean = vec![0.0; NUMBERS];
        assert!((psnr(&vec![0.1; NUMBERS], &clean) - 10.0 * 400f32.log10()).abs() < 1e-4);
    }
}
