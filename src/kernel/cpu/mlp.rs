//! The kernels of an MLP in memory.
//!
//! Invariant: what comes out does not depend on the number of threads: each takes whole parts of a batch,
//! and the parts follow from the work alone. The last tile of a part is filled up with copies of the
//! batch's last row, whose results are dropped.

use super::gates::Gates;
use super::product::{LANES, Lanes};
use super::tape::Sums;
use super::tile::{Points, Tile, Weights};
use super::{dispatch, numbers, tensor};
use crate::kernel::{MlpKernels, Moved, Network, Seats, TAIL, Weighed};
use crate::rng::{ChainDraws, Draws};
use crate::threads::in_order;
use burn::tensor::{Device, Tensor};
use pulp::{Simd, WithSimd};
use std::ops::Range;

/// Weights that a part of a batch meets at least, once for every row: some 100 µs.
const WORTH: f64 = 1e6;

/// The kernels of a network at its present weights.
pub struct CpuMlp {
    weights: Weights,
    gates: Option<Gates>,
    device: Device,
}

impl CpuMlp {
    /// `None` where the weights track gradients or are not in memory.
    pub fn new(network: Network, weights: &Tensor<1>, embedding: &[f32]) -> Option<Self> {
        let flat = numbers(weights)?;
        let (table, gates) = match network.levels {
            0 => (Vec::new(), None),
            _ => {
                let (table, gates) = Gates::new(network, &flat, embedding);
                (table, Some(gates))
            }
        };
        Some(Self {
            weights: Weights::new(network, flat, table),
            gates,
            device: weights.device(),
        })
    }

    fn weighed(&self, x: Vec<f32>, marks: Vec<f32>) -> Weighed {
        let (marks, _) = marks.as_chunks::<2>();
        let rows = Rows {
            x,
            labels: marks.iter().map(|mark| mark[0]).collect(),
            all: false,
        };
        // Adding the sums of a part to the others' is work, too.
        let rows = &rows;
        let found = self.in_parts(rows.number(), 1.0 / 8.0, |tile, part| {
            dispatch(Weigh {
                tile,
                rows,
                marks,
                part,
            })
        });
        let mut sums = Sums::new(self.weights.network);
        found.iter().for_each(|part| sums.add(part));
        let (mut gradient, by_gates) = sums.gradient();
        if let Some(gates) = &self.gates {
            gradient.extend(gates.gradient(&self.weights.flat, &by_gates));
        }
        let entries = gradient.len();
        Weighed {
            sum: tensor(vec![sums.energy as f32], [1], &self.device),
            gradient: tensor(gradient, [entries], &self.device),
        }
    }

    fn energies(&self, rows: Rows, gradient: bool) -> Energies {
        let rows = &rows;
        let found = self.in_parts(rows.number(), 1.0, |tile, part| {
            dispatch(Evaluate {
                tile,
                rows,
                part,
                gradient,
            })
        });
        Energies {
            energy: found
                .iter()
                .flat_map(|part| &part.energy)
                .copied()
                .collect(),
            gradient: found
                .iter()
                .flat_map(|part| &part.gradient)
                .copied()
                .collect(),
        }
    }

    /// Does the work of `rows` rows in parts that are worth a thread's start, where each row meets the weights
    /// so often.
    fn in_parts<'a, W: Send>(
        &'a self,
        rows: usize,
        often: f64,
        work: impl Fn(&mut Tile<'a>, Range<usize>) -> W + Sync,
    ) -> Vec<W> {
        let weights = self.weights.network.plain_parameters() as f64;
        let size = (WORTH / (weights * often)) as usize;
        let size = size.clamp(1, rows.max(1)).next_multiple_of(LANES);
        in_order(
            rows.div_ceil(size),
            || Tile::new(&self.weights),
            |tile, i| work(tile, i * size..rows.min((i + 1) * size)),
        )
    }
}

impl MlpKernels for CpuMlp {
    fn energy(&self, x: &Tensor<2>, labels: &Tensor<1>) -> Option<Tensor<1>> {
        let [n, _] = x.dims();
        let rows = Rows {
            x: numbers(x)?,
            labels: numbers(labels)?,
            all: false,
        };
        Some(tensor(self.energies(rows, false).energy, [n], &self.device))
    }

    fn all_levels(&self, x: &Tensor<2>) -> Option<Tensor<2>> {
        let [n, _] = x.dims();
        let levels = self.weights.network.levels.max(1);
        let rows = Rows {
            x: numbers(x)?,
            labels: (0..levels).map(|t| t as f32).collect(),
            all: true,
        };
        let energy = self.energies(rows, false).energy;
        Some(tensor(energy, [n, levels], &self.device))
    }

    fn energy_and_grad(&self, x: &Tensor<2>, labels: &Tensor<1>) -> Option<(Tensor<1>, Tensor<2>)> {
        let [n, _] = x.dims();
        let rows = Rows {
            x: numbers(x)?,
            labels: numbers(labels)?,
            all: false,
        };
        let found = self.energies(rows, true);
        Some((
            tensor(found.energy, [n], &self.device),
            tensor(found.gradient, [n, 2], &self.device),
        ))
    }

    fn draw_levels(&self, x: &Tensor<2>, draws: &Draws) -> Option<Tensor<2>> {
        let [n, _] = x.dims();
        let levels = self.weights.network.levels;
        if levels == 0 {
            return None;
        }
        let energies = numbers(&self.all_levels(x)?)?;
        let gumbels = draws.gumbels(n * levels);
        let mut member = vec![0.0; n * levels];
        let rows = energies
            .chunks_exact(levels)
            .zip(gumbels.chunks_exact(levels));
        for ((energies, gumbels), member) in rows.zip(member.chunks_exact_mut(levels)) {
            let scores = energies.iter().zip(gumbels).map(|(e, g)| g - e);
            let scores = scores.enumerate().filter(|(_, score)| !score.is_nan());
            // Of equals `max_by` takes the last.
            let drawn = scores.rev().max_by(|a, b| a.1.total_cmp(&b.1));
            member[drawn.map_or(0, |(level, _)| level)] = 1.0;
        }
        Some(tensor(member, [n, levels], &self.device))
    }

    fn chains(&self, seats: &Seats, draws: &ChainDraws, adjusted: bool) -> Option<Moved> {
        let [n, _] = seats.0.dims();
        let tail = draws.transitions.min(TAIL);
        let chains = Chains {
            start: &numbers(&seats.0)?,
            draws,
            normals: &draws.normals(2),
            log_uniforms: &draws.log_uniforms(),
            adjusted,
        };
        let chains = &chains;
        let found = self.in_parts(n, draws.transitions as f64, |tile, part| {
            dispatch(Move { tile, chains, part })
        });
        let (mut places, mut accepted) = (Vec::with_capacity(2 * n), Vec::with_capacity(n));
        let mut trail = Vec::with_capacity(tail * 2 * n);
        for ends in &found {
            places.extend(&ends.places);
            accepted.extend(&ends.accepted);
        }
        for k in 0..tail {
            for ends in &found {
                let own = ends.places.len();
                trail.extend(&ends.trail[k * own..][..own]);
            }
        }
        Some(Moved {
            x: tensor(places, [n, 2], &self.device),
            accepted: tensor(accepted, [n, 1], &self.device),
            trail: tensor(trail, [tail, n, 2], &self.device),
        })
    }

    fn weigh(&self, x: &Tensor<2>, marks: &Tensor<2>) -> Option<Weighed> {
        Some(self.weighed(numbers(x)?, numbers(marks)?))
    }

    fn contrast(&self, batches: [[&Tensor<2>; 2]; 2]) -> Option<Weighed> {
        let (mut x, mut marks) = (Vec::new(), Vec::new());
        for ([points, member], sign) in batches.into_iter().zip([1.0, -1.0]) {
            let [n, levels] = member.dims();
            x.extend(numbers(points)?);
            for member in numbers(member)?.chunks_exact(levels) {
                let label = member.iter().position(|m| *m > 0.5).unwrap_or(0);
                marks.extend([label as f32, sign / n as f32]);
            }
        }
        Some(self.weighed(x, marks))
    }
}

/// Points with labels.
struct Rows {
    /// `[n, 2]`
    x: Vec<f32>,
    labels: Vec<f32>,
    /// Whether every point takes every label in turn, or its own, which may be one for all.
    all: bool,
}

impl Rows {
    fn number(&self) -> usize {
        let (points, labels) = (self.x.len() / 2, self.labels.len());
        debug_assert!(
            self.all || labels == 1 || labels == points,
            "a label a point, or one"
        );
        let times = if self.all { self.labels.len() } else { 1 };
        points * times
    }

    /// The points and levels of the tile that starts at row `first`.
    #[inline(always)]
    fn tile(&self, first: usize) -> (Points, [usize; LANES]) {
        let last = self.number() - 1;
        let row = |i: usize| (first + i).min(last);
        let point = |i: usize| match self.all {
            true => row(i) / self.labels.len(),
            false => row(i),
        };
        let points = Points {
            x: std::array::from_fn(|i| self.x[2 * point(i)]),
            y: std::array::from_fn(|i| self.x[2 * point(i) + 1]),
        };
        let level = std::array::from_fn(|i| self.labels[row(i) % self.labels.len()] as usize);
        (points, level)
    }
}

/// Energies `[rows]` and gradients `[rows, 2]`, the latter empty unless asked for.
struct Energies {
    energy: Vec<f32>,
    gradient: Vec<f32>,
}

struct Evaluate<'a, 'w> {
    tile: &'a mut Tile<'w>,
    rows: &'a Rows,
    part: Range<usize>,
    gradient: bool,
}

impl WithSimd for Evaluate<'_, '_> {
    type Output = Energies;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Energies {
        let Self { tile, part, .. } = self;
        let count = part.len();
        let mut found = Energies {
            energy: Vec::with_capacity(count),
            gradient: Vec::with_capacity(if self.gradient { 2 * count } else { 0 }),
        };
        for first in part.clone().step_by(LANES) {
            let (points, level) = self.rows.tile(first);
            let here = LANES.min(part.end - first);
            tile.set_levels(&level);
            if self.gradient {
                let (energy, Points { x, y }) = tile.evaluate(simd, &points);
                found.energy.extend(&energy[..here]);
                found.gradient.extend((0..here).flat_map(|i| [x[i], y[i]]));
            } else {
                found.energy.extend(&tile.forward(simd, &points)[..here]);
            }
        }
        found
    }
}

struct Chains<'a> {
    /// `[n, 4]`
    start: &'a [f32],
    draws: &'a ChainDraws,
    /// What is drawn.
    normals: &'a [f32],
    log_uniforms: &'a [f32],
    adjusted: bool,
}

/// Moves a part of the chains.
struct Move<'a, 'w> {
    tile: &'a mut Tile<'w>,
    chains: &'a Chains<'a>,
    part: Range<usize>,
}

/// Where so many chains are: `[own, 2]`, `[own]` and `[at most TAIL, own, 2]`.
struct Ends {
    places: Vec<f32>,
    accepted: Vec<f32>,
    trail: Vec<f32>,
}

impl WithSimd for Move<'_, '_> {
    type Output = Ends;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Ends {
        let Self { tile, part, .. } = self;
        let Chains {
            start,
            normals,
            log_uniforms,
            adjusted,
            ..
        } = *self.chains;
        let ChainDraws {
            transitions,
            chains,
            ..
        } = *self.chains.draws;
        let own = part.len();
        let tail = transitions.min(TAIL);
        let mut ends = Ends {
            places: Vec::with_capacity(2 * own),
            accepted: Vec::with_capacity(own),
            trail: vec![0.0; tail * 2 * own],
        };
        for first in part.clone().step_by(LANES) {
            let row: [usize; LANES] = std::array::from_fn(|i| (first + i).min(part.end - 1));
            let lanes = LANES.min(part.end - first);
            let start = |column: usize| row.map(|r| start[4 * r + column]);
            let step = start(3);
            let mut here = Points {
                x: start(0),
                y: start(1),
            };
            tile.set_levels(&start(2).map(|t| t as usize));
            let (mut energy, mut slope) = tile.evaluate(simd, &here);
            let mut accepted = [0.0; LANES];
            for k in 0..transitions {
                let draw = row.map(|r| k * chains + r % chains);
                let zx: Lanes = draw.map(|d| normals[2 * d]);
                let zy: Lanes = draw.map(|d| normals[2 * d + 1]);
                let there = Points {
                    x: propose(&here.x, &slope.x, &step, &zx),
                    y: propose(&here.y, &slope.y, &step, &zy),
                };
                let (new_energy, new_slope) = tile.evaluate(simd, &there);
                for i in 0..LANES {
                    let back_x = 0.5 * step[i] * (slope.x[i] + new_slope.x[i]) - zx[i];
                    let back_y = 0.5 * step[i] * (slope.y[i] + new_slope.y[i]) - zy[i];
                    let log_ratio = energy[i] - new_energy[i]
                        + 0.5 * (zx[i] * zx[i] + zy[i] * zy[i])
                        - 0.5 * (back_x * back_x + back_y * back_y);
                    // A comparison with what is no number is false, which rejects.
                    if !adjusted || log_uniforms[draw[i]] < log_ratio {
                        (here.x[i], here.y[i]) = (there.x[i], there.y[i]);
                        (slope.x[i], slope.y[i]) = (new_slope.x[i], new_slope.y[i]);
                        energy[i] = new_energy[i];
                        accepted[i] += 1.0;
                    }
                }
                if let Some(kept) = (k + tail).checked_sub(transitions) {
                    let at = kept * own + first - part.start;
                    let places = &mut ends.trail[2 * at..][..2 * lanes];
                    places.copy_from_slice(&here.interleaved()[..2 * lanes]);
                }
            }
            ends.places.extend(&here.interleaved()[..2 * lanes]);
            let shares = accepted[..lanes].iter();
            ends.accepted
                .extend(shares.map(|count| count / transitions as f32));
        }
        ends
    }
}

/// The Langevin proposal along one axis.
#[inline(always)]
fn propose(x: &Lanes, slope: &Lanes, step: &Lanes, z: &Lanes) -> Lanes {
    std::array::from_fn(|i| x[i] - 0.5 * step[i] * step[i] * slope[i] + step[i] * z[i])
}

struct Weigh<'a, 'w> {
    tile: &'a mut Tile<'w>,
    rows: &'a Rows,
    /// Label and weight of each row.
    marks: &'a [[f32; 2]],
    part: Range<usize>,
}

impl WithSimd for Weigh<'_, '_> {
    type Output = Sums;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Sums {
        let Self { tile, part, .. } = self;
        let marks = &self.marks[..part.end];
        let mut sums = Sums::new(tile.network());
        for first in part.step_by(LANES) {
            let (points, level) = self.rows.tile(first);
            let scale = std::array::from_fn(|i| marks.get(first + i).map_or(0.0, |mark| mark[1]));
            tile.set_levels(&level);
            sums.weigh(simd, tile, &points, &level, &scale);
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;

    #[test]
    fn neither_threads_nor_parts_change_a_number() {
        let network = Network {
            width: 64,
            depth: 3,
            levels: 0,
            activation: 0,
            confinement: 0.1,
        };
        let device = Device::flex();
        let draw = |step, n| Draws::new(1, Stream::Test, step).normals(n);
        let weights: Vec<f32> = draw(0, network.parameters());
        let weights: Vec<f32> = weights.into_iter().map(|w| 0.2 * w).collect();
        let mlp = CpuMlp::new(
            network,
            &Tensor::from_data(weights.as_slice(), &device),
            &[],
        );
        let mlp = mlp.expect("weights in memory");
        let (x, marks) = (draw(1, 2 * 999), [0.0, 0.1].repeat(999));
        let rows = |x: &[f32]| Rows {
            x: x.to_vec(),
            labels: vec![0.0],
            all: false,
        };
        let together = mlp.energies(rows(&x), true);
        for i in [0, 127, 128, 500, 998] {
            let alone = mlp.energies(rows(&x[2 * i..][..2]), true);
            assert_eq!(alone.energy, together.energy[i..=i]);
            assert_eq!(alone.gradient, together.gradient[2 * i..][..2]);
        }
        let gradient = || numbers(&mlp.weighed(x.clone(), marks.clone()).gradient);
        let first = gradient();
        for _ in 0..5 {
            assert_eq!(gradient(), first);
        }
    }
}
