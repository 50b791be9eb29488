//! The image sets of an evaluation: CIFAR-10 and what is not CIFAR-10.

use crate::data::files::{self, FileError};
use crate::data::images::{Images, NUMBERS, SIDE};
use crate::rng::{Draws, Stream};
use image::{RgbImage, imageops};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use std::path::Path;

/// Where the sets are read from, and how many images of each at most.
pub struct Sets {
    pub train: Images,
    pub test: Images,
    /// Sets of other images by name.
    pub others: Vec<(&'static str, Images)>,
}

/// Deviation of the blur, in pixels.
const BLUR: f32 = 1.0;

const QUALITY: u8 = 75;

impl Sets {
    /// CIFAR-10 from `folder/cifar10` and other sets from `folder/ood`, `count` images of each but the
    /// training set at most.
    ///
    /// # Errors
    /// If a set is missing or broken.
    pub fn read(folder: &Path, count: usize) -> Result<Self, FileError> {
        let cifar = folder.join("cifar10");
        let test = files::cifar_test(&cifar)?;
        let few = test.part(0, count);
        let mut others = Vec::new();
        for (name, file) in [
            ("CIFAR-100", "cifar100_test"),
            ("SVHN", "svhn"),
            ("textures", "textures"),
            ("MNIST", "mnist"),
        ] {
            let set = files::set(&folder.join("ood"), file)?;
            others.push((name, set.part(0, count)));
        }
        let made = count.min(1000);
        others.push(("constant", constant(made)));
        others.push(("uniform noise", uniform_noise(made)));
        others.push(("Gaussian noise", gaussian_noise(made)));
        others.push(("blurred CIFAR-10", blurred(&few.part(0, made))));
        others.push(("shuffled CIFAR-10", shuffled(&few.part(0, made))));
        Ok(Self {
            train: files::cifar_train(&cifar)?,
            test,
            others,
        })
    }
}

fn constant(n: usize) -> Images {
    let draws = Draws::new(1, Stream::Evaluation, 1);
    let colour = |i: usize, c: usize| draws.below((3 * i + c) as u32, 256) as u8;
    let plane = |i: usize| (0..3).flat_map(move |c| vec![colour(i, c); SIDE * SIDE]);
    Images {
        pixels: (0..n).flat_map(plane).collect(),
    }
}

fn uniform_noise(n: usize) -> Images {
    let draws = Draws::new(1, Stream::Evaluation, 2).uniforms(n * NUMBERS);
    Images {
        pixels: draws.iter().map(|u| (u * 256.0) as u8).collect(),
    }
}

/// Normals of half the range's deviation around grey.
fn gaussian_noise(n: usize) -> Images {
    let draws = Draws::new(1, Stream::Evaluation, 3).normals(n * NUMBERS);
    let numbers: Vec<f32> = draws.iter().map(|z| 0.5 * z).collect();
    Images::from_numbers(&numbers)
}

/// The same pixels of every image in another order, one an image.
pub fn shuffled(images: &Images) -> Images {
    let pixels = SIDE * SIDE;
    let image = |i: usize| {
        let order = Draws::new(1, Stream::Evaluation, 4 + i as u64).distinct(pixels, pixels);
        let image = images.image(i);
        let plane = |c: usize| {
            let order = order.iter();
            order
                .map(move |&p| image[c * pixels + p])
                .collect::<Vec<u8>>()
        };
        (0..3).flat_map(plane).collect::<Vec<u8>>()
    };
    Images {
        pixels: (0..images.len()).flat_map(image).collect(),
    }
}

fn each(images: &Images, f: impl Fn(RgbImage) -> RgbImage) -> Images {
    let mut out = Images::default();
    for i in 0..images.len() {
        let image = RgbImage::from_raw(SIDE as u32, SIDE as u32, images.interleaved(i))
            .expect("an image has three bytes a pixel");
        out.push_interleaved(f(image).as_raw());
    }
    out
}

/// Images blurred by a Gaussian of a pixel's deviation.
pub fn blurred(images: &Images) -> Images {
    each(images, |image| imageops::blur(&image, BLUR))
}

/// Images after JPEG at quality 75, colours at half the resolution as most programs have it (4:2:0).
///
/// # Errors
/// If the encoder or decoder fails.
pub fn jpeg(images: &Images) -> Result<Images, String> {
    let mut out = Images::default();
    for i in 0..images.len() {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, QUALITY);
        encoder.set_sampling_factor(SamplingFactor::F_2_2);
        let side = SIDE as u16;
        encoder
            .encode(&images.interleaved(i), side, side, ColorType::Rgb)
            .map_err(|e| e.to_string())?;
        let image = image::load_from_memory(&file).map_err(|e| e.to_string())?;
        out.push_interleaved(image.into_rgb8().as_raw());
    }
    Ok(out)
}

/// Images with Gaussian noise of this deviation, in bytes.
pub fn noised(images: &Images, deviation: f32) -> Images {
    let z = Draws::new(1, Stream::Evaluation, 0).normals(images.pixels.len());
    let pixels = images.pixels.iter().zip(z);
    let byte = |(&x, z): (&u8, f32)| (f32::from(x) + deviation * z).round().clamp(0.0, 255.0) as u8;
    Images {
        pixels: pixels.map(byte).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shuffling_keeps_an_image_s_pixels_together() {
        let pixels = (0..2 * NUMBERS).map(|i| (i % 251) as u8).collect();
        let images = Images { pixels };
        let found = shuffled(&images);
        assert_ne!(found, images);
        let colours = |images: &Images, i: usize| {
            let rgb = images.interleaved(i);
            let mut colours: Vec<[u8; 3]> = rgb.as_chunks().0.to_vec();
            colours.sort_unstable();
            colours
        };
        for i in 0..2 {
            assert_eq!(colours(&found, i), colours(&images, i));
        }
    }

    #[test]
    fn made_sets_are_what_they_are_called() {
        let grey = constant(3);
        assert!(
            grey.image(1)
                .chunks(SIDE * SIDE)
                .all(|p| p.iter().all(|&b| b == p[0]))
        );
        let mean = |i: &Images| {
            i.pixels.iter().map(|&b| f64::from(b)).sum::<f64>() / i.pixels.len() as f64
        };
        // Four standard errors of 10 × 3072 bytes.
        assert!((mean(&uniform_noise(10)) - 127.5).abs() < 4.0 * 73.9 / 175.0);
        assert!((mean(&gaussian_noise(10)) - 127.5).abs() < 4.0 * 64.0 / 175.0);
        let smooth = blurred(&uniform_noise(2));
        assert!((mean(&smooth) - 127.5).abs() < 4.0 * 73.9 / 78.0);
        let spread = |i: &Images| {
            i.pixels
                .iter()
                .map(|&b| (f64::from(b) - 127.5).powi(2))
                .sum::<f64>()
        };
        assert!(spread(&smooth) < 0.25 * spread(&uniform_noise(2)));
        assert_eq!(jpeg(&grey).unwrap().len(), 3);
    }
}
