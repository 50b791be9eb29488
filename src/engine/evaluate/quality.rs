//! Fréchet distances of samples and of baselines, with two feature networks.

use super::features::{Extractor, MobileNet, ResNet};
use super::sets::{blurred, jpeg, noised};
use super::{Gaussian, Sets};
use crate::data::images::{Images, NUMBERS};
use crate::metric::frechet::{Moments, distance};
use crate::rng::{Draws, Stream};
use burn::tensor::{Device, Tensor, TensorData};
use serde::Serialize;
use std::path::Path;

/// The feature networks.
pub struct Extractors {
    resnet: ResNet,
    mobilenet: MobileNet,
    device: Device,
}

/// Training images that are looked through for the nearest to a sample, and those whose copies make the
/// baseline of a model that learned them by heart.
const HEART: usize = 1000;

/// Fréchet distances of a set to training images.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Distances {
    pub set: String,
    pub images: usize,
    pub resnet56: f64,
    pub mobilenet: f64,
}

/// What samples are worth.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Quality {
    /// Training images that all sets are compared with.
    pub reference: usize,
    pub distances: Vec<Distances>,
    /// Median distance, in numbers of [-1, 1], to the nearest of 1,000 training images: of samples, of test
    /// images and of other training images.
    pub nearest_samples: f64,
    pub nearest_test: f64,
    pub nearest_train: f64,
}

impl Extractors {
    /// The networks in `folder`.
    ///
    /// # Errors
    /// If a file is missing or broken.
    pub fn load(folder: &Path, device: &Device) -> Result<Self, String> {
        let mobilenet = folder.join("imagenet_mobilenet_v1_1.0_to_pw12.safetensors");
        Ok(Self {
            resnet: ResNet::load(&folder.join("cifar10_resnet56.safetensors"), device)?,
            mobilenet: MobileNet::load(&mobilenet, device)?,
            device: device.clone(),
        })
    }

    /// The share of images that the ResNet puts into their class.
    pub fn accuracy(&self, images: &Images, labels: &[u8]) -> f64 {
        let features = self.resnet.features(images, &self.device);
        let shape = [images.len(), self.resnet.width()];
        let features = Tensor::from_data(TensorData::new(features, shape), &self.device);
        let found = self.resnet.classify(features).argmax(1).into_data();
        let right = found.iter::<i64>().zip(labels);
        let right = right.filter(|(found, label)| *found == i64::from(**label));
        right.count() as f64 / images.len() as f64
    }

    fn moments(&self, images: &Images) -> [Moments; 2] {
        let of = |e: &dyn Extractor| Moments::of(&e.features(images, &self.device), e.width());
        [of(&self.resnet), of(&self.mobilenet)]
    }

    /// These images, for others to be compared with.
    pub fn reference(&self, images: &Images) -> Reference<'_> {
        Reference {
            extractors: self,
            moments: self.moments(images),
        }
    }
}

/// Images that others are compared with.
pub struct Reference<'a> {
    extractors: &'a Extractors,
    moments: [Moments; 2],
}

impl Reference<'_> {
    /// Distances of a set to them.
    pub fn distances(&self, set: &str, images: &Images) -> Distances {
        let [resnet, mobilenet] = self.extractors.moments(images);
        Distances {
            set: set.into(),
            images: images.len(),
            resnet56: distance(&self.moments[0], &resnet),
            mobilenet: distance(&self.moments[1], &mobilenet),
        }
    }
}

/// Distances of known sets, which other implementations measured too.
///
/// # Errors
/// If JPEG fails.
pub fn yardsticks(
    extractors: &Extractors,
    sets: &Sets,
    count: usize,
    mut tell: impl FnMut(&Distances),
) -> Result<Vec<Distances>, String> {
    let test = sets.test.part(0, count);
    let mut all = vec![
        ("CIFAR-10 test", test.clone()),
        ("test, JPEG 75", jpeg(&test)?),
        ("test, noise 8/255", noised(&test, 8.0)),
        ("test, blurred", blurred(&test)),
    ];
    let known = ["CIFAR-100", "SVHN", "uniform noise"];
    let others = sets.others.iter().filter(|(name, _)| known.contains(name));
    all.extend(others.map(|(name, set)| (*name, set.part(0, count))));
    let reference = extractors.reference(&sets.train.part(0, count));
    Ok(all
        .into_iter()
        .map(|(set, images)| {
            let found = reference.distances(set, &images);
            tell(&found);
            found
        })
        .collect())
}

/// Distances of samples, of test images, and of the baselines, all at the samples' number.
///
/// # Errors
/// If a baseline cannot be made.
pub fn quality(
    extractors: &Extractors,
    sets: &Sets,
    gaussian: &Gaussian,
    samples: &Images,
    mut tell: impl FnMut(&Distances),
) -> Result<Quality, String> {
    let n = samples.len();
    let test = sets.test.part(0, n);
    let train = sets.train.part(0, n);
    let by_heart = sets.train.part(n, HEART);
    let draws = Draws::new(1, Stream::Evaluation, 9);
    let copies = (0..n).map(|i| by_heart.image(draws.below(i as u32, HEART as u32) as usize));
    let copies = Images {
        pixels: copies.flatten().copied().collect(),
    };
    let reference = extractors.reference(&train);
    let all = [
        ("samples", samples.clone()),
        ("test images", test.clone()),
        ("Gaussian", gaussian.sample(n, 1)?),
        ("copies of 1,000 training images", copies),
        ("test images, JPEG 75", jpeg(&test)?),
    ];
    let mut found = Vec::new();
    for (set, images) in all {
        let row = reference.distances(set, &images);
        tell(&row);
        found.push(row);
    }
    let nearest = |images: &Images| nearest(&images.part(0, HEART), &by_heart, &extractors.device);
    Ok(Quality {
        reference: n,
        distances: found,
        nearest_samples: nearest(samples),
        nearest_test: nearest(&test),
        nearest_train: nearest(&train),
    })
}

/// Median distance of images to the nearest of others.
fn nearest(images: &Images, others: &Images, device: &Device) -> f64 {
    let (x, y) = (super::rows(images, device), super::rows(others, device));
    let squares = |t: &Tensor<2>| t.clone().powi_scalar(2).sum_dim(1);
    let products = x.clone().matmul(y.clone().transpose());
    let gaps = squares(&x) + squares(&y).transpose() - products * 2.0;
    let mut nearest: Vec<f32> = super::floats(gaps.min_dim(1));
    nearest.sort_by(f32::total_cmp);
    let median = nearest.get(nearest.len() / 2).copied().unwrap_or(0.0);
    f64::from(median.max(0.0)).sqrt() / (NUMBERS as f64).sqrt()
}
