//! The Gaussian with mean and covariance of the training images: what samples and denoisers must beat.
//!
//! Invariant: numbers are in [-1, 1], and the covariance is that of the images as they are stored, not of
//! their mirror images.

use crate::data::images::{Images, NUMBERS};
use crate::rng::{Draws, Stream};
use burn::tensor::{Device, Tensor, TensorData};
use nalgebra::{Cholesky, DMatrix, DVector, Dyn};

/// Images whose products are summed in single precision.
const BATCH: usize = 1000;

/// Added to the variances, far below a byte's step, so that the covariance has a factor.
const RIDGE: f64 = 1e-6;

pub struct Gaussian {
    mean: DVector<f64>,
    covariance: DMatrix<f64>,
}

impl Gaussian {
    pub fn of(images: &Images, device: &Device) -> Self {
        let mut sum = DVector::zeros(NUMBERS);
        let mut products = DMatrix::zeros(NUMBERS, NUMBERS);
        for first in (0..images.len()).step_by(BATCH) {
            let part = images.part(first, BATCH);
            let n = part.len();
            let x = Tensor::<2>::from_data(TensorData::new(part.numbers(), [n, NUMBERS]), device);
            let double =
                |t: Tensor<2>| -> Vec<f64> { t.into_data().iter::<f32>().map(f64::from).collect() };
            sum += DVector::from_vec(double(x.clone().sum_dim(0)));
            let product = double(x.clone().transpose().matmul(x));
            products += DMatrix::from_vec(NUMBERS, NUMBERS, product);
        }
        let n = images.len() as f64;
        let mean = sum / n;
        let covariance = products / n - &mean * mean.transpose();
        Self { mean, covariance }
    }

    fn factor(&self, noise: f64) -> Result<Cholesky<f64, Dyn>, String> {
        let mut matrix = self.covariance.clone();
        for i in 0..NUMBERS {
            matrix[(i, i)] += noise + RIDGE;
        }
        Cholesky::new(matrix).ok_or_else(|| "the training images have no covariance".into())
    }

    /// Draws, brought into the range of images.
    ///
    /// # Errors
    /// If the covariance has no factor.
    pub fn sample(&self, n: usize, seed: u64) -> Result<Images, String> {
        let z = Draws::new(seed, Stream::Evaluation, 0).normals(n * NUMBERS);
        let z = DMatrix::from_iterator(NUMBERS, n, z.into_iter().map(f64::from));
        let mut x = self.factor(0.0)?.l() * z;
        for mut column in x.column_iter_mut() {
            column += &self.mean;
        }
        let numbers: Vec<f32> = x.iter().map(|&x| x as f32).collect();
        Ok(Images::from_numbers(&numbers))
    }

    /// The mean of clean images given rows of noised ones, `m + C (C + σ² I)⁻¹ (y - m)`: the Wiener filter.
    ///
    /// # Errors
    /// If the covariance has no factor.
    pub fn denoise(&self, rows: &[f32], noise: f64) -> Result<Vec<f32>, String> {
        let n = rows.len() / NUMBERS;
        let y = DMatrix::from_iterator(NUMBERS, n, rows.iter().map(|&y| f64::from(y)));
        let mut gap = y.clone();
        for mut column in gap.column_iter_mut() {
            column -= &self.mean;
        }
        self.factor(noise * noise)?.solve_mut(&mut gap);
        let clean = y - gap * (noise * noise);
        Ok(clean.iter().map(|&x| x as f32).collect())
    }
}
