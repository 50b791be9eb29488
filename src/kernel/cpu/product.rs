//! The matrix product of the CPU kernels.
//!
//! Invariant: every number of the result is a sum in the order of the rows of `b`, so it does not
//! depend on the width of the machine's registers.

use pulp::Simd;

/// Numbers that lie side by side: the points of a tile, or neighbouring units.
pub const LANES: usize = 16;

pub type Lanes = [f32; LANES];

/// What the rows of a product start from and where they go, entry by entry, in registers.
pub trait Ends<S: Simd> {
    /// What the sums of entry `at` start from.
    fn start(&self, at: usize, sums: &mut [S::f32s]);
    /// Takes the sums of entry `at`.
    fn finish(&mut self, at: usize, sums: &[S::f32s]);
}

/// Sums that go on from the numbers which they replace.
struct Within<'a>(&'a mut [Lanes]);

impl<S: Simd> Ends<S> for Within<'_> {
    #[inline(always)]
    fn start(&self, at: usize, sums: &mut [S::f32s]) {
        sums.copy_from_slice(registers::<S>(&self.0[at]));
    }

    #[inline(always)]
    fn finish(&mut self, at: usize, sums: &[S::f32s]) {
        registers_mut::<S>(&mut self.0[at]).copy_from_slice(sums);
    }
}

/// A number of every lane, as registers.
#[inline(always)]
pub fn registers<S: Simd>(lanes: &Lanes) -> &[S::f32s] {
    S::as_simd_f32s(lanes).0
}

/// As [`registers`].
#[inline(always)]
pub fn registers_mut<S: Simd>(lanes: &mut Lanes) -> &mut [S::f32s] {
    S::as_mut_simd_f32s(lanes).0
}

/// `c[i] += Σ_k a[k, i] b[k]`, as in [`product`], for `c` `[rows, columns]`.
#[inline(always)]
pub fn accumulate<S: Simd>(simd: S, c: &mut [Lanes], a: &[f32], b: &[Lanes], shape: [usize; 2]) {
    product(simd, &mut Within(c), a, b, shape);
}

/// `Σ_k a[k, i] b[k]` for `a` `[k, rows]` and `b` `[k, columns]`, where a column is one of [`Lanes`].
/// Entry `i * columns + j` of `ends` belongs to row i and column j.
#[inline(always)]
pub fn product<S: Simd>(
    simd: S,
    ends: &mut impl Ends<S>,
    a: &[f32],
    b: &[Lanes],
    [rows, columns]: [usize; 2],
) {
    for column in 0..columns {
        let b = &b[column..];
        // As many rows at a time as registers hold their sums.
        match S::F32_LANES {
            16 => rows_of::<S, 8, 1>(simd, ends, a, b, [rows, columns, column]),
            8 => rows_of::<S, 4, 2>(simd, ends, a, b, [rows, columns, column]),
            4 => rows_of::<S, 2, 4>(simd, ends, a, b, [rows, columns, column]),
            _ => rows_of::<S, 1, LANES>(simd, ends, a, b, [rows, columns, column]),
        }
    }
}

/// One column of a product, R rows at a time, each of V registers.
#[inline(always)]
fn rows_of<S: Simd, const R: usize, const V: usize>(
    simd: S,
    ends: &mut impl Ends<S>,
    a: &[f32],
    b: &[Lanes],
    [rows, columns, column]: [usize; 3],
) {
    let whole = rows / R * R;
    for row in (0..whole).step_by(R) {
        block::<S, R, V>(simd, ends, a, b, [rows, columns, row, column]);
    }
    for row in whole..rows {
        block::<S, 1, V>(simd, ends, a, b, [rows, columns, row, column]);
    }
}

#[inline(always)]
fn block<S: Simd, const R: usize, const V: usize>(
    simd: S,
    ends: &mut impl Ends<S>,
    a: &[f32],
    b: &[Lanes],
    [rows, columns, row, column]: [usize; 4],
) {
    // Known before the loop, so that no step of it has to look.
    assert!(row + R <= rows, "a block lies within its matrix");
    let at = |r: usize| (row + r) * columns + column;
    let mut sums = [[simd.splat_f32s(0.0); V]; R];
    for (r, sums) in sums.iter_mut().enumerate() {
        ends.start(at(r), sums);
    }
    for (a, b) in a.chunks_exact(rows).zip(b.iter().step_by(columns)) {
        // As arrays: their lengths must be known for the sums to stay in registers.
        let Some(a) = a[row..].first_chunk::<R>() else {
            break;
        };
        let Some(b) = registers::<S>(b).first_chunk::<V>() else {
            break;
        };
        for (sum, &a) in sums.iter_mut().zip(a) {
            let a = simd.splat_f32s(a);
            for (sum, &b) in sum.iter_mut().zip(b) {
                *sum = simd.mul_add_e_f32s(a, b, *sum);
            }
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        ends.finish(at(r), sums);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::cpu::dispatch;
    use crate::rng::{Draws, Stream};
    use pulp::{Scalar, Scalar128b, Scalar256b, Scalar512b, WithSimd};

    struct Product<'a> {
        c: &'a mut [Lanes],
        a: &'a [f32],
        b: &'a [Lanes],
        shape: [usize; 2],
    }

    impl WithSimd for Product<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            accumulate(simd, self.c, self.a, self.b, self.shape);
        }
    }

    #[test]
    fn products_of_any_shape_are_right_on_every_machine() {
        for (k, rows, columns) in [(1, 1, 1), (3, 2, 1), (16, 33, 3), (40, 8, 1), (5, 129, 2)] {
            let draw = |i, n| Draws::new(1, Stream::Test, i).normals(n);
            let a = draw(1, k * rows);
            let rest = [
                draw(2, k * columns * LANES),
                draw(3, rows * columns * LANES),
            ];
            let [b, c] = rest.map(|n| n.as_chunks::<LANES>().0.to_vec());
            // This machine's registers, and those of every width that there is.
            for bits in [0, 32, 128, 256, 512] {
                let mut found = c.clone();
                let product = Product {
                    c: &mut found,
                    a: &a,
                    b: &b,
                    shape: [rows, columns],
                };
                match bits {
                    32 => Simd::vectorize(Scalar, product),
                    128 => Simd::vectorize(Scalar128b, product),
                    256 => Simd::vectorize(Scalar256b, product),
                    512 => Simd::vectorize(Scalar512b, product),
                    _ => dispatch(product),
                }
                for (i, found) in found.iter().enumerate() {
                    let (row, column) = (i / columns, i % columns);
                    for lane in 0..LANES {
                        let terms =
                            (0..k).map(|k| a[k * rows + row] * b[k * columns + column][lane]);
                        let right = c[i][lane] + terms.sum::<f32>();
                        let found = found[lane];
                        assert!((found - right).abs() < 1e-4, "{found} against {right}");
                    }
                }
            }
        }
    }
}
