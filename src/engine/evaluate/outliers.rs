//! How well each score of an energy tells other images from CIFAR-10's.

use super::{Sets, rows};
use crate::data::images::{Images, SIDE};
use crate::diffusion::Schedule;
use crate::energy::LevelEnergy;
use crate::engine::block_on;
use crate::engine::scores::{Readings, readings};
use crate::metric::detection::{Detection, detect};
use burn::tensor::Device;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use nalgebra::{DMatrix, DVector};
use serde::Serialize;

/// Images that are read together.
const BATCH: usize = 64;

const RESAMPLINGS: u64 = 200;

/// One score on one set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outliers {
    pub score: &'static str,
    /// Whether what the image's complexity predicts of the score was taken away.
    pub corrected: bool,
    pub set: &'static str,
    pub images: usize,
    pub auroc: f64,
    pub auroc_interval: [f64; 2],
    pub aupr: f64,
    pub fpr95: f64,
}

/// Measures of every score on every set, with `count` test images as inliers and as many training images
/// to fit what the scores need.
///
/// # Errors
/// If the device fails.
pub fn outliers<M: LevelEnergy>(
    model: &M,
    schedule: &Schedule,
    sets: &Sets,
    count: usize,
    device: &Device,
    mut tell: impl FnMut(&Outliers),
) -> Result<Vec<Outliers>, String> {
    let read = |images: &Images| Measured::of(model, schedule, images, device);
    let train = read(&sets.train.part(0, count))?;
    let fit = Fit::of(&train);
    let inliers = fit.scores(&read(&sets.test.part(0, count))?);
    let mut found = Vec::new();
    for (set, images) in &sets.others {
        let others = fit.scores(&read(images)?);
        for (inside, outside) in inliers.iter().zip(&others) {
            let Detection {
                auroc,
                auroc_interval,
                aupr,
                fpr95,
            } = detect(&inside.values, &outside.values, RESAMPLINGS);
            let row = Outliers {
                score: inside.name,
                corrected: inside.corrected,
                set,
                images: images.len(),
                auroc,
                auroc_interval,
                aupr,
                fpr95,
            };
            tell(&row);
            found.push(row);
        }
    }
    Ok(found)
}

/// Readings of images, and the sizes of their PNG files in bytes.
struct Measured {
    readings: Readings,
    bytes: Vec<f32>,
}

impl Measured {
    fn of<M: LevelEnergy>(
        model: &M,
        schedule: &Schedule,
        images: &Images,
        device: &Device,
    ) -> Result<Self, String> {
        let mut all = Readings::default();
        for first in (0..images.len()).step_by(BATCH) {
            let x = rows(&images.part(first, BATCH), device);
            let part = block_on(readings(model, schedule, &x)).map_err(|e| e.to_string())?;
            all.energy.extend(part.energy);
            all.mean_energy.extend(part.mean_energy);
            all.gradient.extend(part.gradient);
            all.profile.extend(part.profile);
            all.drop.extend(part.drop);
        }
        let bytes = (0..images.len()).map(|i| png_bytes(&images.interleaved(i)));
        Ok(Self {
            readings: all,
            bytes: bytes.collect::<Result<_, _>>()?,
        })
    }

    fn profile(&self) -> DMatrix<f64> {
        let n = self.bytes.len();
        let profile = self.readings.profile.iter().map(|&x| f64::from(x));
        DMatrix::from_row_iterator(n, self.readings.profile.len() / n, profile)
    }
}

/// Size of an image's PNG file: its complexity (Serrà et al. 2020, arXiv 1909.11480).
fn png_bytes(rgb: &[u8]) -> Result<f32, String> {
    let mut file = Vec::new();
    let side = SIDE as u32;
    PngEncoder::new(&mut file)
        .write_image(rgb, side, side, ExtendedColorType::Rgb8)
        .map_err(|e| e.to_string())?;
    Ok(file.len() as f32)
}

/// A score of some images.
struct Scores {
    name: &'static str,
    corrected: bool,
    values: Vec<f32>,
}

/// What scores need to know of training images.
struct Fit {
    /// Mean energy at level 0.
    energy: f32,
    /// Mean of the profiles, and the inverse of their covariance.
    mean: DVector<f64>,
    precision: DMatrix<f64>,
    /// Line by which the number of bytes predicts each score: mean of both, and slope.
    lines: Vec<[f32; 3]>,
}

impl Fit {
    fn of(train: &Measured) -> Self {
        let profile = train.profile();
        let n = profile.nrows() as f64;
        let mean = profile.row_mean().transpose();
        let mut centred = profile;
        for mut row in centred.row_iter_mut() {
            row -= mean.transpose();
        }
        let covariance = centred.tr_mul(&centred) / (n - 1.0);
        let k = covariance.nrows();
        let ridge = DMatrix::identity(k, k) * 1e-9;
        let energies = &train.readings.energy;
        let mut fit = Self {
            energy: energies.iter().sum::<f32>() / energies.len() as f32,
            precision: (covariance + ridge)
                .try_inverse()
                .unwrap_or_else(|| DMatrix::identity(k, k)),
            mean,
            lines: Vec::new(),
        };
        let scores = fit.plain(train);
        fit.lines = scores
            .iter()
            .map(|s| line(&train.bytes, &s.values))
            .collect();
        fit
    }

    fn plain(&self, m: &Measured) -> Vec<Scores> {
        let r = &m.readings;
        let score = |name, values| Scores {
            name,
            corrected: false,
            values,
        };
        let profile = m.profile();
        let far = profile.row_iter().map(|row| {
            let gap = row.transpose() - &self.mean;
            (&self.precision * &gap).dot(&gap) as f32
        });
        vec![
            score("energy at t = 0", r.energy.clone()),
            score("energy over levels", r.mean_energy.clone()),
            score("gradient norm", r.gradient.clone()),
            score("score-norm profile", far.collect()),
            score(
                "typicality",
                r.energy.iter().map(|e| (e - self.energy).abs()).collect(),
            ),
            score("energy drop", r.drop.clone()),
        ]
    }

    /// Every score without and with correction.
    fn scores(&self, m: &Measured) -> Vec<Scores> {
        let mut all = self.plain(m);
        let corrected: Vec<_> = all
            .iter()
            .zip(&self.lines)
            .map(|(score, [bytes, mean, slope])| {
                let pairs = score.values.iter().zip(&m.bytes);
                Scores {
                    name: score.name,
                    corrected: true,
                    values: pairs.map(|(s, b)| s - mean - slope * (b - bytes)).collect(),
                }
            })
            .collect();
        all.extend(corrected);
        all
    }
}

/// Means of x and y and the least-squares slope of y over x.
fn line(x: &[f32], y: &[f32]) -> [f32; 3] {
    let n = x.len() as f64;
    let mean = |v: &[f32]| v.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
    let (mx, my) = (mean(x), mean(y));
    let (mut xx, mut xy) = (0.0, 0.0);
    for (&x, &y) in x.iter().zip(y) {
        xx += (f64::from(x) - mx).powi(2);
        xy += (f64::from(x) - mx) * (f64::from(y) - my);
    }
    [mx as f32, my as f32, (xy / xx.max(1e-12)) as f32]
}
