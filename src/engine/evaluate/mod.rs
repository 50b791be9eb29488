//! Measurements of a model of images against data: what `basin evaluate` prints.
//!
//! Invariant: every number is of real images and of the weights given; the same call gives the same
//! numbers. Baselines go through the same code as the model.

mod denoise;
mod features;
mod gaussian;
mod long_run;
mod outliers;
mod quality;
mod sets;

pub use denoise::{Denoising, denoising};
pub use gaussian::Gaussian;
pub use long_run::{LongRun, long_run};
pub use outliers::{Outliers, Scored};
pub use quality::{Extractors, Quality, Reference, quality, yardsticks};
pub use sets::Sets;

use crate::data::images::{Images, NUMBERS};
use burn::tensor::{Device, Tensor, TensorData};

/// Images as rows `[n, NUMBERS]` on a device.
fn rows(images: &Images, device: &Device) -> Tensor<2> {
    let n = images.len();
    Tensor::from_data(TensorData::new(images.numbers(), [n, NUMBERS]), device)
}

fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}
