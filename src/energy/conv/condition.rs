//! The network from a noise level, and latents if there are any, to the condition of a plan.
//!
//! Invariant: its blocks follow those of the plan in one layout.

use crate::energy::embedding::sinusoidal;
use crate::energy::product::product;
use crate::energy::{Activation, Layout};
use burn::tensor::{Device, Tensor, TensorData};

/// Entries of the embedding of a level, and units of each hidden layer.
const EMBEDDING: usize = 64;
const UNITS: usize = 128;

/// Adds the blocks of a network to `columns` numbers from a level's embedding and `latents` numbers.
pub fn lay_out(layout: &mut Layout, prefix: &str, latents: usize, columns: usize) {
    for (name, [rows, columns]) in [
        ("condition.0", [EMBEDDING + latents, UNITS]),
        ("condition.1", [UNITS, UNITS]),
        ("condition.out", [UNITS, columns]),
    ] {
        layout.push(format!("{prefix}{name}.weight"), rows, columns);
        layout.push(format!("{prefix}{name}.bias"), 1, columns);
    }
}

/// The embedding of each level, `[levels, EMBEDDING]`.
pub fn embedding(levels: usize, device: &Device) -> Tensor<2> {
    let rows: Vec<f32> = (0..levels).flat_map(|t| sinusoidal(t, EMBEDDING)).collect();
    Tensor::from_data(TensorData::new(rows, [levels, EMBEDDING]), device)
}

/// `[n, columns]` of embeddings, with latents behind them, `[n, EMBEDDING + latents]`.
pub fn condition(blocks: &[Tensor<2>], mut h: Tensor<2>, on_gpu: bool) -> Tensor<2> {
    for (l, layer) in blocks.chunks_exact(2).enumerate() {
        if l > 0 {
            h = Activation::Silu.value(h);
        }
        h = product(h, layer[0].clone(), on_gpu) + layer[1].clone();
    }
    h
}
