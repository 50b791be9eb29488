//! Sixteen points on their way through a network and back.
//!
//! Invariant: lane i of every number belongs to point i of the tile; matrices are read from the flat
//! buffer as it lies.

use super::product::{LANES, Lanes, accumulate};
use super::unit::{relu, silu, softplus};
use crate::kernel::Network;
use pulp::Simd;
use std::cell::OnceCell;

/// Weights as the kernels read them.
pub struct Weights {
    pub network: Network,
    /// The flat buffer.
    pub flat: Vec<f32>,
    /// `[depth * levels, width]`; empty for a plain network.
    pub gates: Vec<f32>,
    /// Each layer's matrix, transposed, for the way back.
    transposed: OnceCell<Vec<Vec<f32>>>,
}

impl Weights {
    pub fn new(network: Network, flat: Vec<f32>, gates: Vec<f32>) -> Self {
        Self {
            network,
            flat,
            gates,
            transposed: OnceCell::new(),
        }
    }

    /// Matrix `[inputs, units]` and bias `[units]` of a layer.
    fn layer(&self, l: usize) -> (&[f32], &[f32]) {
        let Network { width, depth, .. } = self.network;
        let inputs = if l == 0 { 2 } else { width };
        let units = if l == depth { 1 } else { width };
        let layer = &self.flat[self.network.offset(l)..][..(inputs + 1) * units];
        layer.split_at(inputs * units)
    }

    fn transposed(&self, l: usize) -> &[f32] {
        let Network { width, depth, .. } = self.network;
        let turn = |l: usize| {
            let (matrix, _) = self.layer(l);
            let column = |j: usize| matrix[j..].iter().step_by(width).copied();
            (0..width).flat_map(column).collect()
        };
        &self
            .transposed
            .get_or_init(|| (0..depth).map(turn).collect())[l]
    }
}

/// The points of a tile.
#[derive(Clone, Copy)]
pub struct Points {
    pub x: Lanes,
    pub y: Lanes,
}

impl Points {
    /// x and y in turn.
    #[inline(always)]
    pub fn interleaved(&self) -> [f32; 2 * LANES] {
        std::array::from_fn(|i| {
            if i % 2 == 0 {
                self.x[i / 2]
            } else {
                self.y[i / 2]
            }
        })
    }
}

/// What the way through a network leaves behind for the way back, layer by layer, `[depth, width]`.
pub struct Tile<'a> {
    weights: &'a Weights,
    /// What each unit hands on.
    pub outputs: Vec<Lanes>,
    /// Its derivative in what the unit's matrix product gives.
    slopes: Vec<Lanes>,
    /// The gates at each point's level; empty for a plain network, as is the next.
    gates: Vec<Lanes>,
    /// The derivative of what a unit hands on in its gate.
    pub by_gate: Vec<Lanes>,
    /// `[width]`, on their way.
    signal: Vec<Lanes>,
    back: Vec<Lanes>,
}

impl<'a> Tile<'a> {
    pub fn new(weights: &'a Weights) -> Self {
        let Network { width, depth, .. } = weights.network;
        let lanes = |n: usize| vec![[0.0; LANES]; n];
        let gated = if weights.gates.is_empty() { 0 } else { depth };
        Self {
            weights,
            outputs: lanes(depth * width),
            slopes: lanes(depth * width),
            gates: lanes(gated * width),
            by_gate: lanes(gated * width),
            signal: lanes(width),
            back: lanes(width),
        }
    }

    /// Puts each point on a level of its own. Without it all are on level 0 of a plain network.
    #[inline(always)]
    pub fn set_levels(&mut self, level: &[usize; LANES]) {
        let Network { width, levels, .. } = self.weights.network;
        for (l, gates) in self.gates.chunks_exact_mut(width).enumerate() {
            let rows = level.map(|t| &self.weights.gates[(l * levels + t) * width..][..width]);
            for (j, gate) in gates.iter_mut().enumerate() {
                *gate = std::array::from_fn(|i| rows[i][j]);
            }
        }
    }

    /// Energies of the points.
    #[inline(always)]
    pub fn forward<S: Simd>(&mut self, simd: S, points: &Points) -> Lanes {
        let Network {
            width,
            depth,
            activation,
            confinement,
            ..
        } = self.weights.network;
        for l in 0..depth {
            let (matrix, bias) = self.weights.layer(l);
            for (signal, &bias) in self.signal.iter_mut().zip(bias) {
                *signal = [bias; LANES];
            }
            match l {
                0 => {
                    let inputs = [points.x, points.y];
                    accumulate(simd, &mut self.signal, matrix, &inputs, [width, 1]);
                }
                _ => {
                    let inputs = &self.outputs[(l - 1) * width..l * width];
                    accumulate(simd, &mut self.signal, matrix, inputs, [width, 1]);
                }
            }
            match activation {
                0 => self.activate(l, softplus),
                1 => self.activate(l, silu),
                _ => self.activate(l, relu),
            }
        }
        let (head, bias) = self.weights.layer(depth);
        let confinement = confinement as f32;
        let mut energy = [std::array::from_fn(|i| {
            let Points { x, y } = points;
            bias[0] + confinement * (x[i] * x[i] + y[i] * y[i])
        })];
        let last = &self.outputs[(depth - 1) * width..];
        accumulate(simd, &mut energy, head, last, [1, 1]);
        energy[0]
    }

    /// The units of layer `l`. The first gate acts before the activation, the others after it, as in
    /// DA-EBM's released code.
    #[inline(always)]
    fn activate(&mut self, l: usize, f: impl Fn(f32) -> (f32, f32)) {
        let width = self.signal.len();
        let layer = l * width..(l + 1) * width;
        let outputs = &mut self.outputs[layer.clone()];
        let slopes = &mut self.slopes[layer.clone()];
        let units = self.signal.iter().zip(outputs).zip(slopes);
        if self.gates.is_empty() {
            for ((a, output), slope) in units {
                for i in 0..LANES {
                    (output[i], slope[i]) = f(a[i]);
                }
            }
            return;
        }
        let gates = self.gates[layer.clone()]
            .iter()
            .zip(&mut self.by_gate[layer]);
        for (((a, output), slope), (gate, by_gate)) in units.zip(gates) {
            for i in 0..LANES {
                if l == 0 {
                    let (value, s) = f(a[i] * gate[i]);
                    (output[i], slope[i], by_gate[i]) = (value, s * gate[i], s * a[i]);
                } else {
                    let (value, s) = f(a[i]);
                    (output[i], slope[i], by_gate[i]) = (value * gate[i], s * gate[i], value);
                }
            }
        }
    }

    /// Energies of the points, and their gradients.
    #[inline(always)]
    pub fn evaluate<S: Simd>(&mut self, simd: S, points: &Points) -> (Lanes, Points) {
        let energy = self.forward(simd, points);
        let slope = self.backward(simd, points, &[1.0; LANES], |_, _, _, _| {});
        (energy, slope)
    }

    /// Gradients in the points, of energies times `scale`, after [`Tile::forward`]. `layer` is told,
    /// from the last layer to the first, its number and the gradients in what its units hand on and
    /// in what their matrix product gives.
    #[inline(always)]
    pub fn backward<S: Simd>(
        &mut self,
        simd: S,
        points: &Points,
        scale: &Lanes,
        mut layer: impl FnMut(&Self, usize, &[Lanes], &[Lanes]),
    ) -> Points {
        let Network {
            width,
            depth,
            confinement,
            ..
        } = self.weights.network;
        let weights = self.weights;
        let mut signal = std::mem::take(&mut self.signal);
        let mut back = std::mem::take(&mut self.back);
        for (signal, &w) in signal.iter_mut().zip(weights.layer(depth).0) {
            *signal = scale.map(|s| s * w);
        }
        for l in (0..depth).rev() {
            let slopes = &self.slopes[l * width..(l + 1) * width];
            for ((back, signal), slope) in back.iter_mut().zip(&signal).zip(slopes) {
                *back = std::array::from_fn(|i| signal[i] * slope[i]);
            }
            layer(self, l, &signal, &back);
            if l > 0 {
                signal.fill([0.0; LANES]);
                accumulate(simd, &mut signal, weights.transposed(l), &back, [width, 1]);
            }
        }
        let confined =
            |x: &Lanes| std::array::from_fn(|i| 2.0 * confinement as f32 * x[i] * scale[i]);
        let mut gradient = [confined(&points.x), confined(&points.y)];
        accumulate(simd, &mut gradient, weights.transposed(0), &back, [2, 1]);
        (self.signal, self.back) = (signal, back);
        let [x, y] = gradient;
        Points { x, y }
    }
}
