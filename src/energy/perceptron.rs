//! Networks between vectors.
//!
//! Invariant: what the network reads stands side by side in its input: points, latents, levels.

use super::product::product;
use super::{Activation, Blueprint, Inputs, Layout, Network, Pull, Pullback};
use crate::kernel;
use crate::rng::Stream;
use burn::tensor::Tensor;

/// The shape of a network with SiLU layers of one width.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    pub inputs: usize,
    pub outputs: usize,
    pub width: usize,
    /// Hidden layers.
    pub depth: usize,
}

impl Shape {
    /// The offset table.
    pub fn layout(&self) -> Layout {
        let mut layout = Layout::default();
        for l in 0..=self.depth {
            let rows = if l == 0 { self.inputs } else { self.width };
            let columns = if l == self.depth {
                self.outputs
            } else {
                self.width
            };
            layout.push(format!("layer.{l}.weight"), rows, columns);
            layout.push(format!("layer.{l}.bias"), 1, columns);
        }
        layout
    }
}

impl Blueprint for Shape {
    fn parameters(&self) -> usize {
        self.layout().parameters()
    }

    /// Kaiming normal over the inputs, zero biases.
    fn init(&self, seed: u64, stream: Stream) -> Vec<f32> {
        self.layout().fresh(seed, stream, |_| true)
    }

    fn build(&self, flat: &Tensor<1>) -> Box<dyn Network> {
        let layout = self.layout();
        let blocks = layout.blocks.iter();
        let blocks = blocks.map(|b| flat.clone().slice(b.range()).reshape(b.shape));
        Box::new(Perceptron {
            blocks: blocks.collect(),
            on_gpu: kernel::on_gpu(flat),
            layout,
        })
    }
}

/// A view of the flat buffer.
struct Perceptron {
    layout: Layout,
    blocks: Vec<Tensor<2>>,
    on_gpu: bool,
}

impl Perceptron {
    fn forward(&self, blocks: &[Tensor<2>], x: Tensor<2>) -> Tensor<2> {
        let layers = blocks.chunks_exact(2);
        let last = layers.len() - 1;
        layers.enumerate().fold(x, |h, (l, layer)| {
            let out = product(h, layer[0].clone(), self.on_gpu) + layer[1].clone();
            match l == last {
                true => out,
                false => Activation::Silu.value(out),
            }
        })
    }
}

fn side_by_side(inputs: &Inputs) -> Tensor<2> {
    let Inputs { x, latent, member } = inputs;
    let parts = [Some(x), latent.as_ref(), Some(member)];
    Tensor::cat(parts.into_iter().flatten().cloned().collect(), 1)
}

impl Network for Perceptron {
    fn output(&self, inputs: &Inputs) -> Tensor<2> {
        self.forward(&self.blocks, side_by_side(inputs))
    }

    fn through(&self, inputs: &Inputs) -> (Tensor<2>, Pullback<'_>) {
        let leaf = |t: Tensor<2>| t.autodiff().require_grad();
        let blocks: Vec<_> = self.blocks.iter().cloned().map(leaf).collect();
        let x = leaf(side_by_side(inputs));
        let out = self.forward(&blocks, x.clone());
        let [_, d] = inputs.x.dims();
        let latents = inputs.latent.as_ref().map(|z| z.dims()[1]);
        let back = move |out: Tensor<2>, seed: Tensor<2>| {
            let [n, _] = seed.dims();
            let mut gradients = (out * seed.autodiff()).sum().backward();
            let parameters = self.layout.flat_gradient(&blocks, &mut gradients, 0);
            let by = x
                .grad_remove(&mut gradients)
                .unwrap_or_else(|| x.inner().zeros_like());
            Pull {
                parameters,
                x: by.clone().slice([0..n, 0..d]),
                latent: latents.map(|l| by.slice([0..n, d..d + l])),
            }
        };
        (out.clone().inner(), Box::new(|seed| back(out, seed)))
    }
}
