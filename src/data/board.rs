//! The black squares of a board of four by four, each of side 2, over [-4, 4]².
//!
//! Invariant: the data are uniform on the eight squares whose column and row, counted from the
//! lower left, have an even sum.

use crate::rng::Draws;
use std::f64::consts::{SQRT_2, TAU};

const SIDE: f64 = 2.0;
const PER_AXIS: usize = 4;

/// Number of black squares.
pub const SQUARES: usize = 8;

/// Lower end of a column or row.
fn edge(index: usize) -> f64 {
    SIDE * index as f64 - 4.0
}

/// Column and row of a black square; rows hold two each.
fn cell(square: usize) -> [usize; 2] {
    let row = square / 2;
    [2 * (square % 2) + row % 2, row]
}

/// Centre of a black square.
pub fn centre(square: usize) -> [f64; 2] {
    cell(square).map(|index| edge(index) + SIDE / 2.0)
}

/// Variance of one side of a square.
pub fn variance() -> f64 {
    SIDE * SIDE / 12.0
}

/// Sample number `index`, from elements `4 index .. 4 index + 4` of `draws`.
pub fn sample(index: u32, draws: &Draws) -> [f32; 2] {
    let element = 4 * index;
    let [column, row] = cell(draws.below(element, SQUARES as u32) as usize);
    let place =
        |index: usize, u: u32| edge(index) as f32 + SIDE as f32 * draws.uniform(element + u);
    [place(column, 1), place(row, 2)]
}

/// Log density at `x` of the diffused board. It is -∞ off the squares without noise, and where the
/// density underflows an f64.
pub fn log_density(x: [f64; 2], signal: f64, noise: f64) -> f64 {
    let [across, up] = x.map(|v| strips(v, signal, noise));
    log_product(&across, &up)
}

/// Log density of the diffused board on the product of `xs` and `ys`, x fastest.
pub fn log_density_grid(xs: &[f64], ys: &[f64], signal: f64, noise: f64) -> Vec<f32> {
    let [across, up] = [xs, ys].map(|along| {
        let strips = along.iter().map(|&v| strips(v, signal, noise));
        strips.collect::<Vec<_>>()
    });
    up.iter()
        .flat_map(|up| across.iter().map(|across| log_product(across, up) as f32))
        .collect()
}

/// Density at `v` of each diffused column (or row).
fn strips(v: f64, signal: f64, noise: f64) -> [f64; PER_AXIS] {
    std::array::from_fn(|index| interval(v, edge(index), signal, noise))
}

fn log_product(across: &[f64; PER_AXIS], up: &[f64; PER_AXIS]) -> f64 {
    let cells = (0..SQUARES).map(cell);
    let sum: f64 = cells.map(|[column, row]| across[column] * up[row]).sum();
    (sum / SQUARES as f64).ln()
}

/// Density at `v` of `signal u + noise eps` with u uniform on `low .. low + SIDE`.
fn interval(v: f64, low: f64, signal: f64, noise: f64) -> f64 {
    let [from, to] = [low, low + SIDE].map(|end| signal * end);
    let width = to - from;
    if noise == 0.0 {
        return if (from..to).contains(&v) {
            1.0 / width
        } else {
            0.0
        };
    }
    let [near, far] = [(v - to) / noise, (v - from) / noise];
    if far - near < 1e-5 {
        // The difference of two almost equal values would lose its digits.
        let z = (near + far) / 2.0;
        return (-0.5 * z * z).exp() / (TAU.sqrt() * noise);
    }
    // Taken in the lower tail, where erfc keeps its relative precision.
    let [near, far] = if near > 0.0 {
        [-far, -near]
    } else {
        [near, far]
    };
    0.5 * (libm::erfc(-far / SQRT_2) - libm::erfc(-near / SQRT_2)) / width
}

/// The black square whose centre is nearest; for a point on one, that square.
pub fn mode_of(x: [f64; 2]) -> usize {
    let distance = |square: usize| {
        let [cx, cy] = centre(square);
        (x[0] - cx) * (x[0] - cx) + (x[1] - cy) * (x[1] - cy)
    };
    (0..SQUARES)
        .min_by(|&a, &b| distance(a).total_cmp(&distance(b)))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clean_density_is_one_in_thirty_two_on_black() {
        for (x, black) in [
            ([-3.9, -3.9], true),
            ([-1.0, -3.0], false),
            ([-1.0, -1.0], true),
            ([3.9, 3.9], true),
            ([3.9, 1.9], false),
            ([4.1, 3.9], false),
        ] {
            let expected = if black {
                -32f64.ln()
            } else {
                f64::NEG_INFINITY
            };
            assert_eq!(log_density(x, 1.0, 0.0) as f32, expected as f32);
        }
    }

    #[test]
    fn every_square_is_its_own_mode() {
        for square in 0..SQUARES {
            let [cx, cy] = centre(square);
            for [dx, dy] in [[0.0, 0.0], [0.99, 0.99], [-0.99, 0.99], [0.99, -0.5]] {
                assert_eq!(mode_of([cx + dx, cy + dy]), square);
            }
        }
    }

    #[test]
    fn pure_noise_is_a_standard_normal() {
        let x = [0.7, -1.2];
        let expected = -0.5 * (0.49 + 1.44) - TAU.ln();
        assert!((log_density(x, 0.0, 1.0) - expected).abs() < 1e-12);
        assert!((log_density(x, 1e-4, 1.0) - expected).abs() < 1e-6);
    }
}
