//! Fréchet distance between Gaussians fitted to features (Dowson & Landau 1982, J. Multivariate Anal. 12:450;
//! for images Heusel et al. 2017, arXiv 1706.08500). With features other than Inception's it is not FID and
//! must not be called that.
//!
//! Invariant: zero for the same features, symmetric, and never negative but for rounding.

use nalgebra::{DMatrix, DVector};

/// Mean and covariance of features.
#[derive(Clone, Debug)]
pub struct Moments {
    pub mean: DVector<f64>,
    pub covariance: DMatrix<f64>,
}

impl Moments {
    /// Those of rows of `width` numbers, two rows at least; the covariance is over one less than their
    /// number.
    pub fn of(rows: &[f32], width: usize) -> Self {
        let n = rows.len() / width;
        let data = DMatrix::from_row_iterator(n, width, rows.iter().map(|&x| f64::from(x)));
        let mean = data.row_mean();
        let mut centred = data;
        for mut row in centred.row_iter_mut() {
            row -= &mean;
        }
        Self {
            mean: mean.transpose(),
            covariance: centred.tr_mul(&centred) / (n.max(2) - 1) as f64,
        }
    }
}

/// `|m₁ - m₂|² + tr(C₁ + C₂ - 2 (C₁ C₂)^½)`.
pub fn distance(a: &Moments, b: &Moments) -> f64 {
    let root = square_root(&a.covariance);
    let product = &root * &b.covariance * &root;
    let symmetric = (&product + product.transpose()) * 0.5;
    let eigenvalues = symmetric.symmetric_eigenvalues();
    let trace: f64 = eigenvalues.iter().map(|v| v.max(0.0).sqrt()).sum();
    (&a.mean - &b.mean).norm_squared() + a.covariance.trace() + b.covariance.trace() - 2.0 * trace
}

/// The symmetric square root of a covariance.
fn square_root(c: &DMatrix<f64>) -> DMatrix<f64> {
    let eigen = c.clone().symmetric_eigen();
    let roots = eigen.eigenvalues.map(|v| v.max(0.0).sqrt());
    &eigen.eigenvectors * DMatrix::from_diagonal(&roots) * eigen.eigenvectors.transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Draws, Stream};

    fn diagonal(mean: &[f64], variance: &[f64]) -> Moments {
        Moments {
            mean: DVector::from_row_slice(mean),
            covariance: DMatrix::from_diagonal(&DVector::from_row_slice(variance)),
        }
    }

    /// For covariances that commute it is `|m₁ - m₂|² + Σ (s₁ - s₂)²` of their deviations.
    #[test]
    fn distances_of_gaussians_that_commute() {
        let a = diagonal(&[0.0, 1.0, 2.0], &[1.0, 4.0, 0.0]);
        let b = diagonal(&[0.5, 1.0, 0.0], &[9.0, 1.0, 0.25]);
        let right = 0.25 + 4.0 + 4.0 + 1.0 + 0.25;
        assert!((distance(&a, &b) - right).abs() < 1e-9);
        assert!((distance(&b, &a) - right).abs() < 1e-9);
        assert!(distance(&a, &a).abs() < 1e-9);
    }

    /// Turning both Gaussians the same way changes nothing.
    #[test]
    fn distances_do_not_depend_on_the_axes() {
        let (c, s) = (0.6, 0.8);
        let turn = DMatrix::from_row_slice(2, 2, &[c, -s, s, c]);
        let a = diagonal(&[0.0, 0.0], &[1.0, 4.0]);
        let b = Moments {
            covariance: DMatrix::from_row_slice(2, 2, &[2.0, 0.7, 0.7, 1.0]),
            ..diagonal(&[1.0, -1.0], &[1.0, 1.0])
        };
        let turned = |m: &Moments| Moments {
            mean: &turn * &m.mean,
            covariance: &turn * &m.covariance * turn.transpose(),
        };
        let right = distance(&a, &b);
        assert!((distance(&turned(&a), &turned(&b)) - right).abs() < 1e-9);
    }

    #[test]
    fn moments_of_rows() {
        let rows: Vec<f32> = Draws::new(1, Stream::Test, 0).normals(40_000);
        let rows: Vec<f32> = rows
            .chunks_exact(2)
            .flat_map(|z| [1.0 + 2.0 * z[0], z[0] + z[1]])
            .collect();
        let Moments { mean, covariance } = Moments::of(&rows, 2);
        // Four standard errors of 20,000 rows.
        let close = |a: f64, b: f64, se: f64| assert!((a - b).abs() < 4.0 * se, "{a} {b}");
        close(mean[0], 1.0, 2.0 / 141.0);
        close(covariance[(0, 0)], 4.0, 4.0 / 100.0);
        close(covariance[(0, 1)], 2.0, 12f64.sqrt() / 141.0);
        close(covariance[(1, 1)], 2.0, 2.0 / 100.0);
        let exact = Moments::of(&[0.0, 1.0, 2.0, 5.0], 2);
        assert_eq!(exact.covariance[(0, 1)], 4.0);
    }
}
