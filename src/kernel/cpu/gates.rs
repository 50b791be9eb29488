//! The time network in memory: the gates of every level, and the way back through it.
//!
//! Invariant: levels are added in their order.

use super::unit::softplus;
use crate::kernel::Network;
use pulp::Scalar;

/// What the way back from the gates needs.
pub struct Gates {
    network: Network,
    /// `[levels, width]`: what the time network reads, and what its two layers hand on.
    handed: [Vec<f32>; 3],
    /// Slopes of the two layers' activations, `[levels, width]`.
    slopes: [Vec<f32>; 2],
}

impl Gates {
    /// The gates `[depth * levels, width]` of the flat buffer `weights`, from an embedding `[levels, width]`.
    pub fn new(network: Network, weights: &[f32], embedding: &[f32]) -> (Vec<f32>, Self) {
        let layer = |l: usize, inputs: &[f32]| {
            let mut found = Vec::with_capacity(inputs.len());
            for input in inputs.chunks_exact(network.width) {
                let (matrix, bias) = matrix(network, weights, l);
                let mut sums = bias.to_vec();
                for (row, x) in matrix.chunks_exact(network.width).zip(input) {
                    sums.iter_mut().zip(row).for_each(|(sum, w)| *sum += x * w);
                }
                found.extend(sums);
            }
            found
        };
        let activate = |inputs: Vec<f32>| -> (Vec<f32>, Vec<f32>) {
            inputs.into_iter().map(|a| softplus(Scalar, a)).unzip()
        };
        let (first, first_slopes) = activate(layer(0, embedding));
        let (second, second_slopes) = activate(layer(1, &first));
        let table = (0..network.depth).flat_map(|l| layer(2 + l, &second));
        let table = table.collect();
        let gates = Self {
            handed: [embedding.to_vec(), first, second],
            slopes: [first_slopes, second_slopes],
            network,
        };
        (table, gates)
    }

    /// The gradient in the time network's part of the flat buffer, from that in the gates
    /// `[depth * levels, width]`.
    pub fn gradient(&self, weights: &[f32], by_gates: &[f32]) -> Vec<f32> {
        let Network {
            width,
            depth,
            levels,
            ..
        } = self.network;
        let size = levels * width;
        let mut back = [vec![0.0; size], vec![0.0; size]];
        // Adds what comes back from layer `l`, whose outputs have the derivatives `by`.
        let through = |l: usize, by: &[f32], sums: &mut [f32]| {
            let (matrix, _) = matrix(self.network, weights, l);
            for (by, sums) in by.chunks_exact(width).zip(sums.chunks_exact_mut(width)) {
                for (row, sum) in matrix.chunks_exact(width).zip(sums) {
                    *sum += row.iter().zip(by).map(|(w, b)| w * b).sum::<f32>();
                }
            }
        };
        let [low, high] = &mut back;
        for (l, by) in by_gates.chunks_exact(size).enumerate() {
            through(2 + l, by, high);
        }
        high.iter_mut()
            .zip(&self.slopes[1])
            .for_each(|(b, s)| *b *= s);
        through(1, high, low);
        low.iter_mut()
            .zip(&self.slopes[0])
            .for_each(|(b, s)| *b *= s);
        let mut gradient = Vec::with_capacity(self.network.time_parameters());
        for l in 0..2 + depth {
            let by = match l {
                0 | 1 => &back[l][..],
                _ => &by_gates[(l - 2) * size..][..size],
            };
            let inputs = &self.handed[l.min(2)];
            let mut sums = vec![0.0; self.network.time_layer()];
            let (matrix, bias) = sums.split_at_mut(width * width);
            for (input, by) in inputs.chunks_exact(width).zip(by.chunks_exact(width)) {
                for (row, x) in matrix.chunks_exact_mut(width).zip(input) {
                    row.iter_mut().zip(by).for_each(|(sum, b)| *sum += x * b);
                }
                bias.iter_mut().zip(by).for_each(|(sum, b)| *sum += b);
            }
            gradient.extend(sums);
        }
        gradient
    }
}

/// Matrix `[width, width]` and bias of a layer of the time network.
fn matrix(network: Network, weights: &[f32], l: usize) -> (&[f32], &[f32]) {
    let from = network.plain_parameters() + l * network.time_layer();
    weights[from..][..network.time_layer()].split_at(network.width * network.width)
}
