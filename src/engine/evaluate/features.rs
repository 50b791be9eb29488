//! Feature networks for Fréchet distances, from safetensors files that others trained.
//!
//! Invariant: features depend on the image alone, not on its batch; normalisation by running statistics is
//! folded into the convolutions when a file is loaded.

mod mobilenet;
mod resnet;

pub use mobilenet::MobileNet;
pub use resnet::ResNet;

use crate::data::images::{Images, SIDE};
use crate::threads::in_order;
use burn::tensor::{Device, Tensor, TensorData, module::conv2d, ops::ConvOptions};
use safetensors::tensor::{Dtype, SafeTensors};
use std::path::Path;

/// Images that go through a network together.
const BATCH: usize = 50;

/// A network from images to features.
pub trait Extractor: Sync {
    /// Number of features.
    fn width(&self) -> usize;

    /// Features `[n, width]` of images `[n, 3, SIDE, SIDE]` in [-1, 1].
    fn extract(&self, x: Tensor<4>) -> Tensor<2>;

    /// Features of all images, row by row.
    fn features(&self, images: &Images, device: &Device) -> Vec<f32> {
        let batches = images.len().div_ceil(BATCH);
        let rows = in_order(
            batches,
            || (),
            |(), batch| {
                let part = images.part(batch * BATCH, BATCH);
                let shape = [part.len(), 3, SIDE, SIDE];
                let x = Tensor::from_data(TensorData::new(part.numbers(), shape), device);
                let rows = self.extract(x).into_data();
                rows.iter::<f32>().collect::<Vec<_>>()
            },
        );
        rows.concat()
    }
}

/// Arrays of a file by name.
struct Arrays<'a>(SafeTensors<'a>);

impl<'a> Arrays<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, String> {
        let tensors = SafeTensors::deserialize(bytes).map_err(|e| e.to_string())?;
        Ok(Self(tensors))
    }

    fn get(&self, name: &str) -> Result<(Vec<f32>, Vec<usize>), String> {
        let view = self.0.tensor(name).map_err(|e| format!("{name}: {e}"))?;
        if view.dtype() != Dtype::F32 {
            return Err(format!("{name} is not f32"));
        }
        let (numbers, _) = view.data().as_chunks::<4>();
        let numbers = numbers.iter().map(|&b| f32::from_le_bytes(b)).collect();
        Ok((numbers, view.shape().to_vec()))
    }

    fn tensor<const D: usize>(&self, name: &str, device: &Device) -> Result<Tensor<D>, String> {
        let (numbers, shape) = self.get(name)?;
        let shape: [usize; D] = shape
            .try_into()
            .map_err(|s| format!("{name} has shape {s:?}"))?;
        Ok(Tensor::from_data(TensorData::new(numbers, shape), device))
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()))
}

/// A convolution with a bias.
struct Folded {
    weight: Tensor<4>,
    bias: Tensor<1>,
    stride: usize,
    /// Above and left, below and right.
    padding: [usize; 2],
    groups: usize,
}

/// Names of a normalisation's arrays, and what is added to its variance.
struct Norm<'a> {
    scale: &'a str,
    shift: &'a str,
    mean: &'a str,
    variance: &'a str,
    epsilon: f64,
}

impl Folded {
    /// A convolution `[outputs, inputs, kernel, kernel]` followed by a normalisation of its outputs.
    fn new(
        weight: Tensor<4>,
        norm: &Norm,
        arrays: &Arrays,
        device: &Device,
    ) -> Result<Self, String> {
        let row = |name: &str| arrays.tensor::<1>(name, device);
        let rate = (row(norm.variance)? + norm.epsilon).sqrt().recip() * row(norm.scale)?;
        let bias = row(norm.shift)? - row(norm.mean)? * rate.clone();
        let [outputs, ..] = weight.dims();
        if bias.dims() != [outputs] {
            return Err(format!("{} does not fit its convolution", norm.mean));
        }
        Ok(Self {
            weight: weight * rate.reshape([outputs, 1, 1, 1]),
            bias,
            stride: 1,
            padding: [0, 0],
            groups: 1,
        })
    }

    fn apply(&self, x: Tensor<4>) -> Tensor<4> {
        let [before, after] = self.padding;
        let x = x.pad((before, after, before, after), 0.0);
        let options = ConvOptions::new([self.stride; 2], [0, 0], [1, 1], self.groups);
        conv2d(x, self.weight.clone(), Some(self.bias.clone()), options)
    }
}
