//! Sixteen points on their way through a network and back.
//!
//! Invariant: lane i of every number belongs to point i of the tile.

use super::product::{Ends, LANES, Lanes, Panels, Within, registers, registers_mut};
use super::unit::activation;
use crate::kernel::Network;
use pulp::{Simd, WithSimd};
use std::sync::OnceLock;

/// Weights as the kernels read them.
pub struct Weights {
    pub network: Network,
    /// The flat buffer.
    pub flat: Vec<f32>,
    /// `[depth * levels, width]`; empty for a plain network.
    pub gates: Vec<f32>,
    /// Each layer's matrix, the output layer's last.
    matrices: Vec<Panels>,
    /// Those of the layers before it, transposed, for the way back.
    transposed: OnceLock<Vec<Panels>>,
}

impl Weights {
    pub fn new(network: Network, flat: Vec<f32>, gates: Vec<f32>) -> Self {
        let matrix = |l: usize| {
            let [inputs, units] = shape(&network, l);
            let matrix = &flat[network.offset(l)..];
            Panels::of(inputs, units, |k, row| matrix[k * units + row])
        };
        Self {
            matrices: (0..=network.depth).map(matrix).collect(),
            transposed: OnceLock::new(),
            network,
            flat,
            gates,
        }
    }

    /// Matrix `[inputs, units]` and bias `[units]` of a layer.
    fn layer(&self, l: usize) -> (&[f32], &[f32]) {
        let [inputs, units] = shape(&self.network, l);
        let layer = &self.flat[self.network.offset(l)..][..(inputs + 1) * units];
        layer.split_at(inputs * units)
    }

    fn transposed(&self, l: usize) -> &Panels {
        let turn = |l: usize| {
            let [inputs, units] = shape(&self.network, l);
            let (matrix, _) = self.layer(l);
            Panels::of(units, inputs, |k, row| matrix[row * units + k])
        };
        let all = || (0..self.network.depth).map(turn).collect();
        &self.transposed.get_or_init(all)[l]
    }
}

/// Inputs and units of a layer.
fn shape(network: &Network, l: usize) -> [usize; 2] {
    let Network { width, depth, .. } = *network;
    let inputs = if l == 0 { 2 } else { width };
    let units = if l == depth { 1 } else { width };
    [inputs, units]
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
    /// Gradients in what the units of a layer hand on, `[width]`.
    signal: Vec<Lanes>,
    /// Those in what their matrix products give, `[width]`: of this layer, and of the one before.
    back: [Vec<Lanes>; 2],
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
            back: [lanes(width), lanes(width)],
        }
    }

    pub fn network(&self) -> Network {
        self.weights.network
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
            let (_, bias) = self.weights.layer(l);
            let (before, outputs) = self.outputs.split_at_mut(l * width);
            let layer = l * width..(l + 1) * width;
            let mut units = Units {
                simd,
                activation,
                first: l == 0,
                bias,
                gates: self.gates.get(layer.clone()).unwrap_or_default(),
                by_gate: self.by_gate.get_mut(layer.clone()).unwrap_or_default(),
                outputs,
                slopes: &mut self.slopes[layer],
            };
            let ends = [points.x, points.y];
            let inputs = match l {
                0 => &ends[..],
                _ => &before[(l - 1) * width..],
            };
            self.weights.matrices[l].product(simd, &mut units, inputs);
        }
        let (_, bias) = self.weights.layer(depth);
        let confinement = confinement as f32;
        let mut energy = [std::array::from_fn(|i| {
            let Points { x, y } = points;
            bias[0] + confinement * (x[i] * x[i] + y[i] * y[i])
        })];
        let last = &self.outputs[(depth - 1) * width..];
        let mut sums = Within {
            sums: &mut energy,
            columns: 1,
        };
        self.weights.matrices[depth].product(simd, &mut sums, last);
        energy[0]
    }

    /// Energies of the points, and their gradients.
    // A function of its own: inside a longer one V8 compiles its loops worse, and chains took 7 % longer.
    #[inline(always)]
    pub fn evaluate<S: Simd>(&mut self, simd: S, points: &Points) -> (Lanes, Points) {
        struct Evaluation<'t, 'a>(&'t mut Tile<'a>, &'t Points);

        impl WithSimd for Evaluation<'_, '_> {
            type Output = (Lanes, Points);

            #[inline(always)]
            fn with_simd<S: Simd>(self, simd: S) -> (Lanes, Points) {
                let Self(tile, points) = self;
                let energy = tile.forward(simd, points);
                let slope = tile.backward(simd, points, &[1.0; LANES], |_, _, _, _| {});
                (energy, slope)
            }
        }
        simd.vectorize(Evaluation(self, points))
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
        let [mut back, mut before] = std::mem::take(&mut self.back);
        let slopes = &self.slopes[(depth - 1) * width..];
        let last = signal.iter_mut().zip(&mut back).zip(slopes);
        for (((signal, back), slope), w) in last.zip(weights.layer(depth).0) {
            *signal = scale.map(|s| s * w);
            *back = std::array::from_fn(|i| signal[i] * slope[i]);
        }
        for l in (1..depth).rev() {
            layer(self, l, &signal, &back);
            let mut slopes = Slopes {
                simd,
                slopes: &self.slopes[(l - 1) * width..l * width],
                signal: &mut signal,
                back: &mut before,
            };
            weights.transposed(l).product(simd, &mut slopes, &back);
            std::mem::swap(&mut back, &mut before);
        }
        layer(self, 0, &signal, &back);
        let confined =
            |x: &Lanes| std::array::from_fn(|i| 2.0 * confinement as f32 * x[i] * scale[i]);
        let mut gradient = [confined(&points.x), confined(&points.y)];
        let mut sums = Within {
            sums: &mut gradient,
            columns: 1,
        };
        weights.transposed(0).product(simd, &mut sums, &back);
        (self.signal, self.back) = (signal, [back, before]);
        let [x, y] = gradient;
        Points { x, y }
    }
}

/// The units of a layer, whose inputs come as sums. The first gate acts before the activation, the others
/// after it, as in DA-EBM's released code.
struct Units<'a, S> {
    simd: S,
    activation: u32,
    first: bool,
    bias: &'a [f32],
    gates: &'a [Lanes],
    by_gate: &'a mut [Lanes],
    outputs: &'a mut [Lanes],
    slopes: &'a mut [Lanes],
}

impl<S: Simd> Ends<S> for Units<'_, S> {
    #[inline(always)]
    fn start(&self, at: usize, sums: &mut [S::f32s]) {
        sums.fill(self.simd.splat_f32s(self.bias[at]));
    }

    #[inline(always)]
    fn finish(&mut self, at: usize, sums: &[S::f32s]) {
        let simd = self.simd;
        let outputs = registers_mut::<S>(&mut self.outputs[at]);
        let slopes = registers_mut::<S>(&mut self.slopes[at]);
        let units = sums.iter().zip(outputs).zip(slopes);
        let Some(gate) = self.gates.get(at) else {
            for ((&a, output), slope) in units {
                (*output, *slope) = activation(simd, self.activation, a);
            }
            return;
        };
        let by_gate = registers_mut::<S>(&mut self.by_gate[at]);
        let gates = registers::<S>(gate).iter().zip(by_gate);
        for (((&a, output), slope), (&gate, by_gate)) in units.zip(gates) {
            let inside = if self.first {
                simd.mul_f32s(a, gate)
            } else {
                a
            };
            let (value, s) = activation(simd, self.activation, inside);
            *slope = simd.mul_f32s(s, gate);
            (*output, *by_gate) = match self.first {
                true => (value, simd.mul_f32s(s, a)),
                false => (simd.mul_f32s(value, gate), value),
            };
        }
    }
}

/// A layer's units on the way back, to which gradients in what they hand on come as sums.
struct Slopes<'a, S> {
    simd: S,
    slopes: &'a [Lanes],
    signal: &'a mut [Lanes],
    back: &'a mut [Lanes],
}

impl<S: Simd> Ends<S> for Slopes<'_, S> {
    #[inline(always)]
    fn start(&self, _: usize, sums: &mut [S::f32s]) {
        sums.fill(self.simd.splat_f32s(0.0));
    }

    #[inline(always)]
    fn finish(&mut self, at: usize, sums: &[S::f32s]) {
        registers_mut::<S>(&mut self.signal[at]).copy_from_slice(sums);
        let back = registers_mut::<S>(&mut self.back[at]).iter_mut();
        let slopes = registers::<S>(&self.slopes[at]);
        for ((back, &sum), &slope) in back.zip(sums).zip(slopes) {
            *back = self.simd.mul_f32s(sum, slope);
        }
    }
}
