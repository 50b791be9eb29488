//! What the CPU can do at most: its arithmetic.
//!
//! Invariant: a number of operations is what the loop's text does, whatever a compiler makes of it.

use super::{dispatch, tensor};
use crate::threads::in_order;
use burn::tensor::{Device, Tensor};
use pulp::{Simd, WithSimd};
use std::hint::black_box;

/// Registers of sums: enough for two a cycle to be under way, and one is left for what they are made of.
const SUMS: usize = 12;

/// Shares of the work, for the threads to take, and turns of each.
const PARTS: usize = 32;
const TURNS: usize = 1_000_000;

/// Runs multiply-adds and nothing else in the vector instructions that the kernels use, and returns what
/// came out and how many operations, two a multiply-add, that is.
pub fn cpu_multiply_add() -> (Tensor<1>, f64) {
    let found = in_order(PARTS, || (), |(), _| dispatch(MultiplyAdd));
    let operations = found.iter().map(|(_, operations)| operations).sum();
    let found: Vec<f32> = found.into_iter().map(|(sum, _)| sum).collect();
    (tensor(found, [PARTS], &Device::flex()), operations)
}

struct MultiplyAdd;

impl WithSimd for MultiplyAdd {
    type Output = (f32, f64);

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> (f32, f64) {
        // Unknown before it runs, so that it has to.
        let [factor, term] = black_box([0.999, 1e-3]).map(|number| simd.splat_f32s(number));
        let starts: [f32; SUMS] = std::array::from_fn(|i| i as f32);
        let mut sums = black_box(starts).map(|start| simd.splat_f32s(start));
        for _ in 0..TURNS {
            for sum in &mut sums {
                *sum = simd.mul_add_e_f32s(*sum, factor, term);
            }
        }
        let sum = sums.map(|sum| simd.reduce_sum_f32s(sum)).iter().sum();
        (sum, (2 * SUMS * S::F32_LANES * TURNS) as f64)
    }
}
