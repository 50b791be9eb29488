//! The parameter gradient of a weighted sum of energies.
//!
//! Invariant: tiles are added in their order.

use super::product::{LANES, Lanes, accumulate};
use super::tile::{Points, Tile};
use crate::kernel::Network;
use pulp::Simd;

/// Sums over the tiles so far.
pub struct Sums {
    network: Network,
    /// Lanes that hold one number of every unit.
    columns: usize,
    /// Each hidden layer's matrix and, as one more row, its bias, `[inputs + 1, columns]`.
    layers: Vec<Vec<Lanes>>,
    /// The output layer's weights and bias, point by point, `[width + 1]`.
    head: Vec<Lanes>,
    /// `[depth * levels, columns]`
    gates: Vec<Lanes>,
    pub energy: f64,
    /// A layer's inputs and a one, point by point, `[LANES, inputs + 1]`.
    inputs: Vec<f32>,
    /// Numbers of units, point by point, `[LANES, columns]`.
    units: Vec<Lanes>,
}

impl Sums {
    pub fn new(network: Network) -> Self {
        let Network {
            width,
            depth,
            levels,
            ..
        } = network;
        let columns = width.div_ceil(LANES);
        let lanes = |n: usize| vec![[0.0; LANES]; n];
        let inputs = |l: usize| if l == 0 { 2 } else { width };
        Self {
            network,
            columns,
            layers: (0..depth)
                .map(|l| lanes((inputs(l) + 1) * columns))
                .collect(),
            head: lanes(width + 1),
            gates: lanes(depth * levels * columns),
            energy: 0.0,
            inputs: Vec::with_capacity(LANES * (width + 1)),
            units: lanes(LANES * columns),
        }
    }

    /// Adds the sums over other tiles.
    pub fn add(&mut self, other: &Self) {
        let sums = self
            .layers
            .iter_mut()
            .chain([&mut self.head, &mut self.gates]);
        let others = other.layers.iter().chain([&other.head, &other.gates]);
        for (sum, other) in sums.zip(others) {
            for (sum, other) in sum.as_flattened_mut().iter_mut().zip(other.as_flattened()) {
                *sum += other;
            }
        }
        self.energy += other.energy;
    }

    /// Adds a tile, whose weights `scale` are zero in lanes without a point.
    #[inline(always)]
    pub fn weigh<S: Simd>(
        &mut self,
        simd: S,
        tile: &mut Tile,
        points: &Points,
        level: &[usize; LANES],
        scale: &Lanes,
    ) {
        let Network { width, depth, .. } = self.network;
        let energy = tile.forward(simd, points);
        let terms = energy.iter().zip(scale);
        self.energy += terms.map(|(e, s)| f64::from(e * s)).sum::<f64>();
        let one = [1.0; LANES];
        let last = tile.outputs[(depth - 1) * width..].iter().chain([&one]);
        for (head, output) in self.head.iter_mut().zip(last) {
            for i in 0..LANES {
                head[i] += output[i] * scale[i];
            }
        }
        tile.backward(
            simd,
            points,
            scale,
            #[inline(always)]
            |tile, l, signal, back| {
                let ends = [points.x, points.y];
                let inputs = match l {
                    0 => &ends[..],
                    _ => &tile.outputs[(l - 1) * width..l * width],
                };
                self.inputs.clear();
                for i in 0..LANES {
                    self.inputs.extend(inputs.iter().map(|input| input[i]));
                    self.inputs.push(1.0);
                }
                transpose(back.iter().copied(), &mut self.units, self.columns);
                let shape = [inputs.len() + 1, self.columns];
                accumulate(simd, &mut self.layers[l], &self.inputs, &self.units, shape);
                if !tile.by_gate.is_empty() {
                    let by_gate = &tile.by_gate[l * width..(l + 1) * width];
                    let terms = signal.iter().zip(by_gate);
                    let terms = terms.map(|(s, g)| std::array::from_fn(|i| s[i] * g[i]));
                    transpose(terms, &mut self.units, self.columns);
                    self.add_gates(l, level);
                }
            },
        );
    }

    #[inline(always)]
    fn add_gates(&mut self, l: usize, level: &[usize; LANES]) {
        let rows = self.units.chunks_exact(self.columns);
        for (row, &t) in rows.zip(level) {
            let at = (l * self.network.levels + t) * self.columns;
            for (sum, unit) in self.gates[at..].iter_mut().zip(row) {
                for i in 0..LANES {
                    sum[i] += unit[i];
                }
            }
        }
    }

    /// The gradient in the layers' part of the flat buffer, and in the gates `[depth * levels, width]`.
    pub fn gradient(&self) -> (Vec<f32>, Vec<f32>) {
        let width = self.network.width;
        let without_padding = |rows: &[Lanes]| {
            let rows = rows.chunks_exact(self.columns);
            rows.flat_map(|row| row.as_flattened()[..width].to_vec())
                .collect::<Vec<f32>>()
        };
        let hidden = self.layers.iter().flat_map(|layer| without_padding(layer));
        let head = self.head.iter().map(|unit| unit.iter().sum());
        (hidden.chain(head).collect(), without_padding(&self.gates))
    }
}

/// Units `[width]` of points in lanes to points `[LANES, columns]` of units in lanes.
#[inline(always)]
fn transpose(units: impl Iterator<Item = Lanes>, points: &mut [Lanes], columns: usize) {
    for (j, unit) in units.enumerate() {
        for (i, &number) in unit.iter().enumerate() {
            points[i * columns + j / LANES][j % LANES] = number;
        }
    }
}
