//! The matrix products of the CPU kernels.
//!
//! Invariant: every number of the result is a sum in the order of the rows of `b`, whatever the width of the
//! machine's registers.

use pulp::Simd;
use std::ops::Range;

/// Numbers that lie side by side: the points of a tile, or neighbouring units.
pub const LANES: usize = 16;

pub type Lanes = [f32; LANES];

/// What the rows of a product start from and where they go, in registers.
pub trait Ends<S: Simd> {
    /// What the sums of a row start from.
    fn start(&self, row: usize, sums: &mut [S::f32s]);
    /// Takes the sums of a row.
    fn finish(&mut self, row: usize, sums: &[S::f32s]);
}

/// Sums that go on from the numbers which they replace, those of the first column of so many.
pub struct Within<'a> {
    pub sums: &'a mut [Lanes],
    pub columns: usize,
}

impl<S: Simd> Ends<S> for Within<'_> {
    #[inline(always)]
    fn start(&self, row: usize, sums: &mut [S::f32s]) {
        sums.copy_from_slice(registers::<S>(&self.sums[row * self.columns]));
    }

    #[inline(always)]
    fn finish(&mut self, row: usize, sums: &[S::f32s]) {
        registers_mut::<S>(&mut self.sums[row * self.columns]).copy_from_slice(sums);
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

/// Rows of a matrix that lie side by side in [`Panels`].
const PANEL: usize = 8;

/// A matrix `[k, rows]` in the order in which a product reads it: a panel of so many rows after the other,
/// each `[k, PANEL]`, the last filled up with zeros. In the flat buffer what a product reads in turn lies a
/// whole row of units apart: at the usual widths in so few of a cache's sets that it would not stay there.
pub struct Panels {
    rows: usize,
    /// Entries of a row.
    k: usize,
    numbers: Vec<[f32; PANEL]>,
}

impl Panels {
    /// Of the numbers `at(k, row)`.
    pub fn of(k: usize, rows: usize, at: impl Fn(usize, usize) -> f32) -> Self {
        let at = |k: usize, row: usize| if row < rows { at(k, row) } else { 0.0 };
        let panel = |first: usize| {
            let at = &at;
            (0..k).map(move |k| std::array::from_fn(|r| at(k, first + r)))
        };
        Self {
            rows,
            k,
            numbers: (0..rows).step_by(PANEL).flat_map(panel).collect(),
        }
    }

    /// `Σ_k a[k, i] b[k]` for `b` `[k]`, row by row.
    #[inline(always)]
    pub fn product<S: Simd>(&self, simd: S, ends: &mut impl Ends<S>, b: &[Lanes]) {
        // As many rows at a time as registers hold their sums.
        match S::F32_LANES {
            16 => self.rows_of::<S, 8, 1>(simd, ends, b),
            8 => self.rows_of::<S, 4, 2>(simd, ends, b),
            4 => self.rows_of::<S, 2, 4>(simd, ends, b),
            _ => self.rows_of::<S, 1, LANES>(simd, ends, b),
        }
    }

    #[inline(always)]
    fn rows_of<S: Simd, const R: usize, const V: usize>(
        &self,
        simd: S,
        ends: &mut impl Ends<S>,
        b: &[Lanes],
    ) {
        for (p, panel) in self.numbers.chunks_exact(self.k).enumerate() {
            let firsts = (p * PANEL..self.rows.min((p + 1) * PANEL)).step_by(R);
            for (i, first) in firsts.enumerate() {
                // Known before the loop, so that no step of it has to look.
                assert!(i < PANEL / R, "a block lies within its panel");
                let a = panel.iter().map(|a| &a.as_chunks::<R>().0[i]);
                let rows = first..self.rows.min(first + R);
                block::<S, R, V>(simd, ends, rows, a.zip(b));
            }
        }
    }
}

/// `c[i] += Σ_k a[k, i] b[k]` for `a` `[k, rows]`, `b` `[k, columns]` and `c` `[rows, columns]`, where a
/// column is one of [`Lanes`].
#[inline(always)]
pub fn accumulate<S: Simd>(simd: S, c: &mut [Lanes], a: &[f32], b: &[Lanes], shape: [usize; 2]) {
    match S::F32_LANES {
        16 => columns_of::<S, 8, 1>(simd, c, a, b, shape),
        8 => columns_of::<S, 4, 2>(simd, c, a, b, shape),
        4 => columns_of::<S, 2, 4>(simd, c, a, b, shape),
        _ => columns_of::<S, 1, LANES>(simd, c, a, b, shape),
    }
}

#[inline(always)]
fn columns_of<S: Simd, const R: usize, const V: usize>(
    simd: S,
    c: &mut [Lanes],
    a: &[f32],
    b: &[Lanes],
    [rows, columns]: [usize; 2],
) {
    let whole = rows / R * R;
    for column in 0..columns {
        let mut ends = Within {
            sums: &mut c[column..],
            columns,
        };
        let b = || b[column..].iter().step_by(columns);
        for row in (0..whole).step_by(R) {
            let steps = some_of::<R>(a, rows, row).zip(b());
            block::<S, R, V>(simd, &mut ends, row..row + R, steps);
        }
        for row in whole..rows {
            let steps = some_of::<1>(a, rows, row).zip(b());
            block::<S, 1, V>(simd, &mut ends, row..row + 1, steps);
        }
    }
}

/// R rows of a matrix `[k, rows]`, entry by entry.
#[inline(always)]
fn some_of<const R: usize>(a: &[f32], rows: usize, row: usize) -> impl Iterator<Item = &[f32; R]> {
    // Known before the loop, so that no step of it has to look.
    assert!(row + R <= rows, "a block lies within its matrix");
    a.chunks_exact(rows)
        .map_while(move |a| a[row..].first_chunk())
}

/// Takes the sums over `steps` of R numbers times one of every lane; those behind `rows` are dropped.
#[inline(always)]
fn block<'a, S: Simd, const R: usize, const V: usize>(
    simd: S,
    ends: &mut impl Ends<S>,
    rows: Range<usize>,
    steps: impl Iterator<Item = (&'a [f32; R], &'a Lanes)>,
) {
    let mut sums = [[simd.splat_f32s(0.0); V]; R];
    for (row, sums) in rows.clone().zip(&mut sums) {
        ends.start(row, sums);
    }
    // Not several steps a turn: V8 has no registers for what is then on its way, which made chains a fifth
    // slower.
    for (a, b) in steps {
        // As an array: its length must be known for the sums to stay in registers.
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
    for (row, sums) in rows.zip(&sums) {
        ends.finish(row, sums);
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
        panels: bool,
    }

    impl WithSimd for Product<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let [rows, columns] = self.shape;
            if !self.panels {
                return accumulate(simd, self.c, self.a, self.b, self.shape);
            }
            let k = self.b.len() / columns;
            let panels = Panels::of(k, rows, |k, row| self.a[k * rows + row]);
            for column in 0..columns {
                let b: Vec<Lanes> = self.b[column..].iter().step_by(columns).copied().collect();
                let sums = &mut self.c[column..];
                panels.product(simd, &mut Within { sums, columns }, &b);
            }
        }
    }

    #[test]
    fn products_of_any_shape_are_right_on_every_machine() {
        let shapes = [(1, 1, 1), (3, 2, 1), (16, 33, 3), (40, 8, 1), (5, 129, 2)];
        for ((k, rows, columns), panels) in shapes.into_iter().flat_map(|s| [(s, false), (s, true)])
        {
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
                    panels,
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
