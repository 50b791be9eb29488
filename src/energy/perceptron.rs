//! Networks between vectors: DDAEBM's generator and variational posterior.
//!
//! Invariant: as for energies, all weights live in one flat buffer laid out by [`Layout`], and a
//! network is a view of it.

use super::product::product;
use super::{Activation, Layout};
use crate::kernel;
use crate::rng::{Draws, Stream};
use burn::tensor::{Gradients, Tensor};

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

    /// Fresh weights: Kaiming normal over the inputs, zero biases.
    pub fn init(&self, seed: u64, stream: Stream) -> Vec<f32> {
        let layout = self.layout();
        let mut flat = vec![0.0; layout.parameters()];
        for (index, block) in layout.blocks.iter().enumerate().step_by(2) {
            let deviation = (block.shape[0] as f32).sqrt().recip();
            let normals = Draws::new(seed, stream, index as u64).normals(block.range().len());
            for (w, z) in flat[block.range()].iter_mut().zip(normals) {
                *w = deviation * z;
            }
        }
        flat
    }
}

/// A network around a flat buffer of weights.
pub struct Perceptron {
    layout: Layout,
    blocks: Vec<Tensor<2>>,
    on_gpu: bool,
}

impl Perceptron {
    /// A view of the flat buffer `[parameters]`.
    pub fn new(shape: &Shape, flat: &Tensor<1>) -> Self {
        let layout = shape.layout();
        let blocks = layout.blocks.iter();
        let blocks = blocks
            .map(|b| flat.clone().slice(b.range()).reshape(b.shape))
            .collect();
        Self {
            on_gpu: kernel::on_gpu(flat),
            layout,
            blocks,
        }
    }

    /// The same view with every block a leaf of an autodiff graph.
    pub fn tracked(shape: &Shape, flat: &Tensor<1>) -> Self {
        let mut view = Self::new(shape, flat);
        for block in &mut view.blocks {
            *block = block.clone().autodiff().require_grad();
        }
        view
    }

    /// Outputs `[n, outputs]` of inputs `[n, inputs]`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let layers = self.blocks.chunks_exact(2);
        let last = layers.len() - 1;
        layers.enumerate().fold(x, |h, (l, layer)| {
            let out = product(h, layer[0].clone(), self.on_gpu) + layer[1].clone();
            match l == last {
                true => out,
                false => Activation::Silu.value(out),
            }
        })
    }

    /// The flat gradient of a tracked network; zero where a block had no part.
    pub fn gradient(&self, gradients: &mut Gradients) -> Tensor<1> {
        self.layout.flat_gradient(&self.blocks, gradients, 0)
    }
}
