//! Isotropic Gaussians of the plane as energies, and estimates from draws.

use basin::energy::Energy;
use basin::rng::{Draws, Stream};
use basin::sampler::Labelled;
use burn::tensor::{Device, Tensor, TensorData};
use std::ops::Range;

/// E(x) = |x - m|²/(2v) with the mean (m, 0).
#[derive(Clone, Copy)]
pub struct Gaussian {
    pub mean: f64,
    pub variance: f64,
}

impl Gaussian {
    /// x - m.
    fn offset(&self, x: &Tensor<2>) -> Tensor<2> {
        let device = x.device();
        x.clone() - Tensor::<2>::from_data([[self.mean as f32, 0.0]], &device)
    }

    /// ∂E/∂m `[n]`.
    pub fn by_mean(&self, x: &Tensor<2>) -> Tensor<1> {
        let [n, _] = x.dims();
        self.offset(x).slice([0..n, 0..1]).reshape([n]) * (-1.0 / self.variance)
    }

    /// ∂E/∂v `[n]`.
    pub fn by_variance(&self, x: &Tensor<2>) -> Tensor<1> {
        let squared = self.offset(x).powi_scalar(2).sum_dim(1).squeeze_dim::<1>(1);
        squared * (-0.5 / self.variance.powi(2))
    }

    /// Its log density along the first axis, but for a constant, in cells of a line that holds all of
    /// its mass and that of its like.
    pub fn on_a_line(&self) -> Vec<f32> {
        let place = |i: i32| (f64::from(i) + 0.5) / 4000.0 * 30.0 - 15.0;
        let log = |x: f64| -(x - self.mean).powi(2) / (2.0 * self.variance);
        (0..4000).map(|i| log(place(i)) as f32).collect()
    }

    /// `n` draws.
    pub fn sample(&self, n: usize, step: u64, device: &Device) -> Tensor<2> {
        let z = normals(n, step, device) * self.variance.sqrt();
        z + Tensor::<2>::from_data([[self.mean as f32, 0.0]], device)
    }
}

impl Energy for Gaussian {
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        let squared = self.offset(&x).powi_scalar(2).sum_dim(1);
        squared.squeeze_dim::<1>(1) * (0.5 / self.variance)
    }

    fn energy_and_grad(&self, x: Tensor<2>) -> (Tensor<1>, Tensor<2>) {
        let grad = self.offset(&x) * (1.0 / self.variance);
        (self.energy(x), grad)
    }
}

/// The point of the DCD notes' tables.
pub const P: Gaussian = Gaussian {
    mean: 0.7,
    variance: 0.5,
};
pub const Q: Gaussian = Gaussian {
    mean: -0.2,
    variance: 2.0,
};

/// |x|² of rows, `[n]`.
pub fn squared(x: Tensor<2>) -> Tensor<1> {
    x.powi_scalar(2).sum_dim(1).squeeze_dim(1)
}

/// `[1]` as a number.
pub async fn number(tensor: Tensor<1>) -> f64 {
    f64::from(read(tensor).await[0])
}

/// `[n, 2]` standard normals.
pub fn normals(n: usize, step: u64, device: &Device) -> Tensor<2> {
    let z = Draws::new(31, Stream::Test, step).normals(2 * n);
    Tensor::from_data(TensorData::new(z, [n, 2]), device)
}

/// Points on a single level.
pub fn single(x: Tensor<2>) -> Labelled {
    let [n, _] = x.dims();
    Labelled {
        member: Tensor::ones([n, 1], &x.device()),
        x,
    }
}

/// A mean over independent draws, and its standard error.
#[derive(Clone, Copy)]
pub struct Estimate {
    pub mean: f64,
    pub error: f64,
}

/// The mean of independent values `[n]`.
pub async fn mean(values: Tensor<1>) -> Estimate {
    let values = read(values).await;
    let n = values.len() as f64;
    let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
    let squares = values.iter().map(|v| (f64::from(*v) - mean).powi(2));
    let variance = squares.sum::<f64>() / (n - 1.0);
    Estimate {
        mean,
        error: (variance / n).sqrt(),
    }
}

/// Points whose mean loss is one independent draw.
pub const BATCH: usize = 100;

/// A loss `[1]` of each batch of `n` points, which it is given as a range of rows.
pub fn batches(n: usize, loss: &dyn Fn(Range<usize>) -> Tensor<1>) -> Tensor<1> {
    let parts = (0..n / BATCH).map(|i| loss(BATCH * i..BATCH * (i + 1)));
    Tensor::cat(parts.collect(), 0)
}

/// All values of a tensor.
pub async fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    let data = tensor.into_data_async().await.unwrap();
    data.iter::<f32>().collect()
}
