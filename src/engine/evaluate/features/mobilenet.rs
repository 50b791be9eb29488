//! MobileNet v1 (Howard et al. 2017, arXiv 1704.04861) up to its twelfth block, with Keras's weights and
//! padding: at stride 2 a pixel below and to the right.

use super::{Arrays, Extractor, Folded, Norm, read_file};
use burn::tensor::module::interpolate;
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};
use burn::tensor::{Device, Tensor};
use std::path::Path;

/// Pixels along a side of what the network sees.
const INPUT: usize = 96;

const FEATURES: usize = 1024;

/// Blocks, and those that halve the map.
const BLOCKS: usize = 12;
const HALVING: [usize; 4] = [2, 4, 6, 12];

pub struct MobileNet(Vec<Folded>);

impl MobileNet {
    /// The network in a file.
    ///
    /// # Errors
    /// If the file is missing or broken, or an array does not fit.
    pub fn load(path: &Path, device: &Device) -> Result<Self, String> {
        let bytes = read_file(path)?;
        let arrays = Arrays::read(&bytes)?;
        let conv = |name: &str, kernel: &str, stride: usize, depthwise: bool| {
            let weight: Tensor<4> = arrays.tensor(&format!("{name}/{kernel}"), device)?;
            let [side, _, inputs, _] = weight.dims();
            // One filter a channel is stored as inputs, with one output each.
            let weight = match depthwise {
                true => weight.permute([2, 3, 0, 1]),
                false => weight.permute([3, 2, 0, 1]),
            };
            let part = |part: &str| format!("{name}_bn/{part}");
            let norm = Norm {
                scale: &part("gamma"),
                shift: &part("beta"),
                mean: &part("moving_mean"),
                variance: &part("moving_variance"),
                epsilon: 1e-3,
            };
            let folded = Folded::new(weight, &norm, &arrays, device)?;
            Ok::<_, String>(Folded {
                stride,
                padding: match (side, stride) {
                    (1, _) => [0, 0],
                    (_, 2) => [0, 1],
                    _ => [1, 1],
                },
                groups: if depthwise { inputs } else { 1 },
                ..folded
            })
        };
        let mut convs = vec![conv("conv1", "kernel", 2, false)?];
        for block in 1..=BLOCKS {
            let stride = if HALVING.contains(&block) { 2 } else { 1 };
            let depthwise = format!("conv_dw_{block}");
            convs.push(conv(&depthwise, "depthwise_kernel", stride, true)?);
            convs.push(conv(&format!("conv_pw_{block}"), "kernel", 1, false)?);
        }
        Ok(Self(convs))
    }
}

impl Extractor for MobileNet {
    fn width(&self) -> usize {
        FEATURES
    }

    fn extract(&self, x: Tensor<4>) -> Tensor<2> {
        let options = InterpolateOptions {
            align_corners: false,
            output_size: Some([INPUT, INPUT]),
            ..InterpolateOptions::new(InterpolateMode::Bilinear)
        };
        let x = interpolate(x, options);
        let h = self
            .0
            .iter()
            .fold(x, |h, conv| conv.apply(h).clamp(0.0, 6.0));
        let [n, c, ..] = h.dims();
        h.mean_dim(2).mean_dim(3).reshape([n, c])
    }
}
