//! The matrix product of the CPU kernels.
//!
//! Invariant: every number of the result is a sum in the order of the rows of `b`, so it does not
//! depend on the width of the machine's registers.

use pulp::Simd;

/// Numbers that lie side by side: the points of a tile, or neighbouring units.
pub const LANES: usize = 16;

pub type Lanes = [f32; LANES];

/// `c[i] += Σ_k a[k, i] b[k]`, for `a` `[k, rows]`, `b` `[k, columns]` and `c` `[rows, columns]`, where
/// a column is one of [`Lanes`].
#[inline(always)]
pub fn accumulate<S: Simd>(
    simd: S,
    c: &mut [Lanes],
    a: &[f32],
    b: &[Lanes],
    [rows, columns]: [usize; 2],
) {
    for column in 0..columns {
        let b = &b[column..];
        // As many rows at a time as registers hold their sums.
        match S::F32_LANES {
            16 => rows_of::<S, 8, 1>(simd, c, a, b, [rows, columns, column]),
            8 => rows_of::<S, 4, 2>(simd, c, a, b, [rows, columns, column]),
            4 => rows_of::<S, 2, 4>(simd, c, a, b, [rows, columns, column]),
            _ => rows_of::<S, 1, LANES>(simd, c, a, b, [rows, columns, column]),
        }
    }
}

/// One column of `c`, R rows at a time, each of V registers.
#[inline(always)]
fn rows_of<S: Simd, const R: usize, const V: usize>(
    simd: S,
    c: &mut [Lanes],
    a: &[f32],
    b: &[Lanes],
    [rows, columns, column]: [usize; 3],
) {
    let whole = rows / R * R;
    for row in (0..whole).step_by(R) {
        let c = &mut c[row * columns + column..];
        block::<S, R, V>(simd, c, a, b, [rows, columns, row]);
    }
    for row in whole..rows {
        let c = &mut c[row * columns + column..];
        block::<S, 1, V>(simd, c, a, b, [rows, columns, row]);
    }
}

#[inline(always)]
fn block<S: Simd, const R: usize, const V: usize>(
    simd: S,
    c: &mut [Lanes],
    a: &[f32],
    b: &[Lanes],
    [rows, columns, row]: [usize; 3],
) {
    // Known before the loop, so that no step of it has to look.
    assert!(row + R <= rows, "a block lies within its matrix");
    let mut sums = [[simd.splat_f32s(0.0); V]; R];
    for (sum, c) in sums.iter_mut().zip(c.iter().step_by(columns)) {
        for (sum, &c) in sum.iter_mut().zip(S::as_simd_f32s(c).0) {
            *sum = c;
        }
    }
    for (a, b) in a.chunks_exact(rows).zip(b.iter().step_by(columns)) {
        // As arrays: their lengths must be known for the sums to stay in registers.
        let Some(a) = a[row..].first_chunk::<R>() else {
            break;
        };
        let Some(b) = S::as_simd_f32s(b).0.first_chunk::<V>() else {
            break;
        };
        for (sum, &a) in sums.iter_mut().zip(a) {
            let a = simd.splat_f32s(a);
            for (sum, &b) in sum.iter_mut().zip(b) {
                *sum = simd.mul_add_e_f32s(a, b, *sum);
            }
        }
    }
    for (sum, c) in sums.into_iter().zip(c.iter_mut().step_by(columns)) {
        for (c, sum) in S::as_mut_simd_f32s(c).0.iter_mut().zip(sum) {
            *c = sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::cpu::arch;
    use crate::rng::{Draws, Stream};
    use pulp::{Arch, WithSimd};

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
            for arch in [arch(), Arch::Scalar] {
                let mut found = c.clone();
                arch.dispatch(Product {
                    c: &mut found,
                    a: &a,
                    b: &b,
                    shape: [rows, columns],
                });
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
