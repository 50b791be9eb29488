//! The residual networks for CIFAR-10 of He et al. 2016 (arXiv 1512.03385, section 4.2) in the form of
//! akamaster/pytorch_resnet_cifar10: shortcuts without weights, which skip every other pixel and fill new
//! channels with zeros.

use super::{Arrays, Extractor, Folded, Norm, read_file};
use burn::tensor::{Device, Tensor, activation::relu};
use std::path::Path;

/// Mean and deviation of the training images' channels, for pixels in [0, 1].
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];

const FEATURES: usize = 64;

pub struct ResNet {
    first: Folded,
    blocks: Vec<[Folded; 2]>,
    /// `[FEATURES, classes]` and `[1, classes]`.
    head: (Tensor<2>, Tensor<2>),
}

impl ResNet {
    /// The network in a file.
    ///
    /// # Errors
    /// If the file is missing or broken, or an array does not fit.
    pub fn load(path: &Path, device: &Device) -> Result<Self, String> {
        let bytes = read_file(path)?;
        let arrays = Arrays::read(&bytes)?;
        let conv = |conv: String, norm: String, stride: usize| {
            let weight = arrays.tensor(&format!("{conv}.weight"), device)?;
            let name = |part: &str| format!("{norm}.{part}");
            let norm = Norm {
                scale: &name("weight"),
                shift: &name("bias"),
                mean: &name("running_mean"),
                variance: &name("running_var"),
                epsilon: 1e-5,
            };
            let folded = Folded::new(weight, &norm, &arrays, device)?;
            Ok::<_, String>(Folded {
                stride,
                padding: [1, 1],
                ..folded
            })
        };
        let mut blocks = Vec::new();
        for layer in 1..=3 {
            for block in 0.. {
                let name = format!("layer{layer}.{block}");
                if arrays.get(&format!("{name}.conv1.weight")).is_err() {
                    break;
                }
                let stride = if layer > 1 && block == 0 { 2 } else { 1 };
                blocks.push([
                    conv(format!("{name}.conv1"), format!("{name}.bn1"), stride)?,
                    conv(format!("{name}.conv2"), format!("{name}.bn2"), 1)?,
                ]);
            }
        }
        let bias: Tensor<1> = arrays.tensor("linear.bias", device)?;
        Ok(Self {
            first: conv("conv1".into(), "bn1".into(), 1)?,
            blocks,
            head: (
                arrays.tensor::<2>("linear.weight", device)?.transpose(),
                bias.unsqueeze(),
            ),
        })
    }

    /// Scores of the classes `[n, classes]` from features `[n, FEATURES]`.
    pub fn classify(&self, features: Tensor<2>) -> Tensor<2> {
        features.matmul(self.head.0.clone()) + self.head.1.clone()
    }
}

/// Every other pixel, and zeros for channels that were not there.
fn shortcut(x: Tensor<4>, channels: usize) -> Tensor<4> {
    let [n, c, side, _] = x.dims();
    if c == channels {
        return x;
    }
    let half = side / 2;
    let x = x.reshape([n, c, half, 2, half, 2]);
    let x = x.slice([0..n, 0..c, 0..half, 0..1, 0..half, 0..1]);
    let x = x.reshape([n, c, half, half]);
    let zeros = Tensor::zeros([n, (channels - c) / 2, half, half], &x.device());
    Tensor::cat(vec![zeros.clone(), x, zeros], 1)
}

impl Extractor for ResNet {
    fn width(&self) -> usize {
        FEATURES
    }

    fn extract(&self, x: Tensor<4>) -> Tensor<2> {
        let device = x.device();
        let row = |v: [f32; 3]| Tensor::<1>::from_data(v, &device).reshape([1, 3, 1, 1]);
        let x = ((x + 1.0) * 0.5 - row(MEAN)) / row(DEVIATION);
        let mut h = relu(self.first.apply(x));
        for [a, b] in &self.blocks {
            let out = b.apply(relu(a.apply(h.clone())));
            let [_, channels, ..] = out.dims();
            h = relu(out + shortcut(h, channels));
        }
        let [n, c, ..] = h.dims();
        h.mean_dim(2).mean_dim(3).reshape([n, c])
    }
}
