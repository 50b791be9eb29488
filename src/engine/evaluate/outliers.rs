//! How well each score of an energy tells other images from CIFAR-10's, and what is kept of known images'
//! scores to hold others against.

use super::Sets;
use crate::data::images::Images;
use crate::engine::block_on;
use crate::engine::model::ImageModel;
use crate::engine::scores::measure;
use crate::metric::detection::{Detection, detect};
use crate::weights::reference::{
    COLUMNS, Fit, Histogram, Measured, Normal, Reference, Score, Table, column,
};
use nalgebra::DMatrix;
use serde::Serialize;

/// Images that are read together.
const BATCH: usize = 64;

const RESAMPLINGS: u64 = 200;

/// Bins of a histogram, and steps of the quantiles.
const BINS: usize = 60;
const QUANTILES: usize = 200;

/// The name of the in-distribution set among histograms.
const INLIERS: &str = "CIFAR-10 test";

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

/// All scores of some images, column by column.
type Columns = [Vec<f32>; COLUMNS];

/// Scores of CIFAR-10 and of everything else.
pub struct Scored {
    fit: Fit,
    fitted: usize,
    /// Of training images that were not fitted.
    ranked: Columns,
    inliers: Columns,
    others: Vec<(&'static str, Columns)>,
}

impl Scored {
    /// Reads `count` test images, twice as many training images to fit what the scores need, as many others
    /// for percentiles, and all sets.
    ///
    /// # Errors
    /// If the device fails.
    pub fn of(
        model: &ImageModel,
        sets: &Sets,
        count: usize,
        mut tell: impl FnMut(&str),
    ) -> Result<Self, String> {
        let read = |images: &Images| measure_all(model, images);
        let train = read(&sets.train.part(0, 2 * count))?;
        let fit = fit(&train);
        tell("fitted");
        let ranked = columns(&fit, &read(&sets.train.part(2 * count, 2 * count))?);
        let inliers = columns(&fit, &read(&sets.test.part(0, count))?);
        let mut others = Vec::new();
        for (set, images) in &sets.others {
            others.push((*set, columns(&fit, &read(images)?)));
            tell(set);
        }
        Ok(Self {
            fitted: train.len(),
            fit,
            ranked,
            inliers,
            others,
        })
    }

    /// Measures of every score on every set.
    pub fn outliers(&self) -> Vec<Outliers> {
        let mut rows = Vec::new();
        for (set, others) in &self.others {
            for (i, outside) in others.iter().enumerate() {
                let Detection {
                    auroc,
                    auroc_interval,
                    aupr,
                    fpr95,
                } = detect(&self.inliers[i], outside, RESAMPLINGS);
                let (score, corrected) = column(i);
                rows.push(Outliers {
                    score: score.name(),
                    corrected,
                    set,
                    images: outside.len(),
                    auroc,
                    auroc_interval,
                    aupr,
                    fpr95,
                });
            }
        }
        rows
    }

    /// What other images' scores are held against, for weights of this hash.
    pub fn reference(&self, weights: &str) -> Reference {
        let rows = self.outliers();
        let table = |i: usize| {
            let sets = std::iter::once((INLIERS, &self.inliers[i]));
            let others = self.others.iter().map(|(set, all)| (*set, &all[i]));
            let sets: Vec<_> = sets.chain(others).collect();
            let mut table = Table {
                quantiles: quantiles(&self.ranked[i], QUANTILES),
                range: range(sets.iter().map(|(_, scores)| scores.as_slice())),
                histograms: Vec::new(),
            };
            let (score, corrected) = column(i);
            for (set, scores) in sets {
                let mut counts = vec![0; BINS];
                scores.iter().for_each(|&s| counts[table.bin(s, BINS)] += 1);
                let row = rows
                    .iter()
                    .find(|r| r.score == score.name() && r.corrected == corrected && r.set == set);
                table.histograms.push(Histogram {
                    set: set.into(),
                    counts,
                    auroc: row.map(|r| (r.auroc * 1e4).round() / 1e4),
                });
            }
            table
        };
        Reference {
            weights: weights.into(),
            fitted: self.fitted,
            ranked: self.ranked[0].len(),
            fit: self.fit.clone(),
            tables: (0..COLUMNS).map(table).collect(),
        }
    }
}

fn measure_all(model: &ImageModel, images: &Images) -> Result<Vec<Measured>, String> {
    let mut all = Vec::with_capacity(images.len());
    for first in (0..images.len()).step_by(BATCH) {
        let part = images.part(first, BATCH);
        all.extend(block_on(measure(model, &part)).map_err(|e| e.to_string())?);
    }
    Ok(all)
}

fn columns(fit: &Fit, measured: &[Measured]) -> Columns {
    let mut columns: Columns = Default::default();
    for m in measured {
        let scores = columns.iter_mut().zip(fit.scores(m));
        scores.for_each(|(column, score)| column.push(score));
    }
    columns
}

/// What scores need to know of training images.
fn fit(train: &[Measured]) -> Fit {
    let energies = train.iter().map(|m| f64::from(m.energy));
    let mut fit = Fit {
        energy: energies.sum::<f64>() / train.len() as f64,
        denoising: normal(train.iter().map(Measured::together).collect()),
        profile: normal(train.iter().map(|m| m.profile.clone()).collect()),
        lines: Vec::new(),
    };
    let bytes: Vec<f64> = train.iter().map(|m| f64::from(m.bytes)).collect();
    let plain: Vec<[f64; Score::ALL.len()]> = train.iter().map(|m| fit.plain(m)).collect();
    let of = |i: usize| plain.iter().map(|scores| scores[i]).collect::<Vec<_>>();
    fit.lines = (0..Score::ALL.len())
        .map(|i| line(&bytes, &of(i)))
        .collect();
    fit
}

/// The Gaussian of rows.
fn normal(rows: Vec<Vec<f32>>) -> Normal {
    let (n, k) = (rows.len(), rows.first().map_or(0, Vec::len));
    let numbers = rows.into_iter().flatten().map(f64::from);
    let mut centred = DMatrix::from_row_iterator(n, k, numbers);
    let mean = centred.row_mean();
    for mut row in centred.row_iter_mut() {
        row -= &mean;
    }
    let covariance = centred.tr_mul(&centred) / (n as f64 - 1.0);
    let ridge = DMatrix::identity(k, k) * 1e-9;
    let precision = (covariance + ridge)
        .try_inverse()
        .unwrap_or_else(|| DMatrix::identity(k, k));
    Normal {
        mean: mean.iter().copied().collect(),
        // Symmetric: columns are rows.
        precision: precision.iter().copied().collect(),
    }
}

/// Means of x and y and the least-squares slope of y over x.
fn line(x: &[f64], y: &[f64]) -> [f64; 3] {
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (mx, my) = (mean(x), mean(y));
    let (mut xx, mut xy) = (0.0, 0.0);
    for (x, y) in x.iter().zip(y) {
        xx += (x - mx).powi(2);
        xy += (x - mx) * (y - my);
    }
    [mx, my, xy / xx.max(1e-12)]
}

/// Values at equal steps of rank, the least and the largest included.
fn quantiles(values: &[f32], steps: usize) -> Vec<f32> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f32::total_cmp);
    let last = sorted.len() - 1;
    (0..=steps).map(|i| sorted[i * last / steps]).collect()
}

/// An axis on which most of every set lies, however far apart the sets are: from the least second
/// percentile to the largest ninetieth, but not beyond some widths of the first set.
fn range<'a>(mut sets: impl Iterator<Item = &'a [f32]>) -> [f32; 2] {
    let first = quantiles(sets.next().unwrap_or(&[0.0, 1.0]), 50);
    let (mut low, mut high) = (first[1], first[49]);
    let width = (high - low).max(1e-6);
    let floor = low - 2.0 * width;
    let ceiling = high + 4.0 * width;
    for set in sets {
        let q = quantiles(set, 50);
        low = low.min(q[1].max(floor));
        high = high.max(q[45].min(ceiling));
    }
    [low, high]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Draws, Stream};

    #[test]
    fn the_fit_knows_mean_covariance_and_slope() {
        let draws = Draws::new(1, Stream::Test, 11).normals(6000);
        let train: Vec<Measured> = draws
            .chunks_exact(3)
            .map(|z| Measured {
                energy: 5.0 + z[2],
                profile: vec![1.0 + 2.0 * z[0], z[0] + z[1]],
                bytes: 100.0 + 10.0 * z[2],
                ..Measured::default()
            })
            .collect();
        let fit = fit(&train);
        // Four standard errors of 2,000 draws.
        assert!((fit.energy - 5.0).abs() < 4.0 / 2000f64.sqrt());
        assert!((fit.profile.mean[0] - 1.0).abs() < 8.0 / 2000f64.sqrt());
        let energy = Score::ALL.iter().position(|s| *s == Score::Energy).unwrap();
        assert!((fit.lines[energy][2] - 0.1).abs() < 1e-4);
        // The squared distances of a Gaussian's own draws have mean 2 and deviation 2.
        let at = Score::ALL
            .iter()
            .position(|s| *s == Score::Profile)
            .unwrap();
        let square = |m: &Measured| fit.plain(m)[at].powi(2);
        let mean = train.iter().map(square).sum::<f64>() / 2000.0;
        assert!((mean - 2.0).abs() < 4.0 * 2.0 / 2000f64.sqrt(), "{mean}");
        let other = Measured {
            profile: vec![1.0, 3.0],
            ..Measured::default()
        };
        // Along the second axis only: precision's corner is var₁/det = 4/4.
        assert!((square(&other) - 9.0).abs() < 1.2, "{}", square(&other));
    }

    #[test]
    fn ranges_hold_the_first_set_and_stay_near_it() {
        let near: Vec<f32> = (0..101).map(|i| i as f32).collect();
        let far = vec![1e6; 100];
        let [low, high] = range([near.as_slice(), &far].into_iter());
        assert!(low <= 2.0 && (98.0..600.0).contains(&high));
        assert_eq!(quantiles(&near, 4), [0.0, 25.0, 50.0, 75.0, 100.0]);
    }
}
