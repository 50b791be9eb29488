//! Mixtures of Gaussians in the plane: sampled, evaluated and diffused in closed form.
//!
//! Invariant: weights sum to 1 and covariances are positive definite, so every log density is
//! finite. Diffusing the mixture by x_t = signal x_0 + noise eps keeps it a mixture with the same
//! weights, means `signal * mean` and covariances `signal² Σ + noise² I`.

use crate::rng::Draws;
use std::f64::consts::TAU;

/// One part of a mixture.
#[derive(Clone, Copy, Debug)]
pub struct Gaussian {
    /// Relative weight; the mixture scales all of them to sum to 1.
    pub weight: f64,
    pub mean: [f64; 2],
    /// Covariance: xx, xy, yy.
    pub covariance: [f64; 3],
    /// Index of the mode that the part belongs to.
    pub mode: usize,
}

impl Gaussian {
    /// A part with the same deviation in every direction.
    pub fn round(weight: f64, mean: [f64; 2], deviation: f64, mode: usize) -> Self {
        let variance = deviation * deviation;
        Self {
            weight,
            mean,
            covariance: [variance, 0.0, variance],
            mode,
        }
    }
}

/// A mixture of Gaussians.
#[derive(Clone, Debug)]
pub struct Mixture {
    parts: Vec<Gaussian>,
    /// Running sum of the weights, for choosing a part.
    cumulative: Vec<f64>,
    /// Lower triangle of each covariance's Cholesky factor: xx, yx, yy.
    factors: Vec<[f32; 3]>,
    /// The parts' log densities without noise.
    clean: Vec<Term>,
}

/// A weighted Gaussian's log density, `log_peak - (x - mean)ᵀ P (x - mean) / 2`.
#[derive(Clone, Copy, Debug)]
struct Term {
    log_peak: f64,
    mean: [f64; 2],
    /// Inverse covariance P: xx, xy, yy.
    precision: [f64; 3],
}

/// Entries of the grid's tables below this count as zero, which keeps products of two entries
/// clear of slow subnormal numbers.
const NEGLIGIBLE: f64 = 1e-150;

/// Sums of table products above this are exact to rounding; smaller ones are summed as logarithms.
const TRUSTED: f64 = 1e-130;

impl Mixture {
    /// The mixture of `parts`, whose weights may have any positive sum.
    pub fn new(mut parts: Vec<Gaussian>) -> Self {
        let total: f64 = parts.iter().map(|part| part.weight).sum();
        for part in &mut parts {
            part.weight /= total;
        }
        let cumulative = parts
            .iter()
            .scan(0.0, |sum, part| {
                *sum += part.weight;
                Some(*sum)
            })
            .collect();
        let factors = parts
            .iter()
            .map(|part| {
                let [xx, xy, yy] = part.covariance;
                let root = xx.sqrt();
                let slope = xy / root;
                [root, slope, (yy - slope * slope).sqrt()].map(|v| v as f32)
            })
            .collect();
        let clean = terms(&parts, 1.0, 0.0);
        Self {
            parts,
            cumulative,
            factors,
            clean,
        }
    }

    /// Whether `x` lies within 4 deviations of the centre of a part.
    pub fn covers(&self, x: [f64; 2]) -> bool {
        self.clean.iter().any(|term| {
            let [dx, dy] = [x[0] - term.mean[0], x[1] - term.mean[1]];
            let [xx, xy, yy] = term.precision;
            xx * dx * dx + 2.0 * xy * dx * dy + yy * dy * dy <= 16.0
        })
    }

    /// Least eigenvalue of the parts' covariances.
    pub fn finest_variance(&self) -> f64 {
        let least = |part: &Gaussian| {
            let [xx, xy, yy] = part.covariance;
            let half = 0.5 * (xx - yy);
            0.5 * (xx + yy) - (half * half + xy * xy).sqrt()
        };
        self.parts.iter().map(least).fold(f64::INFINITY, f64::min)
    }

    /// Sample number `index`, from elements `8 index .. 8 index + 8` of `draws`.
    pub fn sample(&self, index: u32, draws: &Draws) -> [f32; 2] {
        let element = 8 * index;
        let u = f64::from(draws.uniform(element));
        // Rounding may leave the last sum a little below 1.
        let part = self
            .cumulative
            .partition_point(|&sum| sum <= u)
            .min(self.parts.len() - 1);
        let mean = self.parts[part].mean.map(|v| v as f32);
        let [xx, yx, yy] = self.factors[part];
        let [a, b] = [draws.normal(element + 4), draws.normal(element + 5)];
        [mean[0] + xx * a, mean[1] + (yx * a + yy * b)]
    }

    /// Log density at `x` of the diffused mixture.
    pub fn log_density(&self, x: [f64; 2], signal: f64, noise: f64) -> f64 {
        log_sum(&terms(&self.parts, signal, noise), x)
    }

    /// Log density of the diffused mixture on the product of `xs` and `ys`, x fastest.
    ///
    /// Where all covariances are diagonal a part is an outer product of two tables, so that a cell
    /// costs one multiplication and one addition a part.
    pub fn log_density_grid(&self, xs: &[f64], ys: &[f64], signal: f64, noise: f64) -> Vec<f32> {
        let terms = terms(&self.parts, signal, noise);
        if terms.iter().any(|term| term.precision[1] != 0.0) {
            let cells = ys.iter().flat_map(|&y| xs.iter().map(move |&x| [x, y]));
            return cells.map(|x| log_sum(&terms, x) as f32).collect();
        }
        let across: Vec<f64> = terms
            .iter()
            .flat_map(|term| xs.iter().map(|x| bell(x - term.mean[0], term.precision[0])))
            .collect();
        let mut out = Vec::with_capacity(xs.len() * ys.len());
        let mut row = vec![0.0; xs.len()];
        for &y in ys {
            row.fill(0.0);
            for (term, table) in terms.iter().zip(across.chunks_exact(xs.len())) {
                let height = term.log_peak.exp() * bell(y - term.mean[1], term.precision[2]);
                if height > NEGLIGIBLE {
                    for (cell, value) in row.iter_mut().zip(table) {
                        *cell += height * value;
                    }
                }
            }
            out.extend(xs.iter().zip(&row).map(|(&x, &sum)| {
                let exact = if sum > TRUSTED {
                    sum.ln()
                } else {
                    log_sum(&terms, [x, y])
                };
                exact as f32
            }));
        }
        out
    }

    /// The mode of the part most likely to have produced the clean point `x`.
    pub fn mode_of(&self, x: [f64; 2]) -> usize {
        let mut best = (f64::NEG_INFINITY, 0);
        for (part, term) in self.parts.iter().zip(&self.clean) {
            let log = term.at(x);
            if log > best.0 {
                best = (log, part.mode);
            }
        }
        best.1
    }

    /// Lowest and highest x, and lowest and highest y, of a box that holds every part to six
    /// deviations.
    pub fn bounds(&self) -> [[f64; 2]; 2] {
        [0, 1].map(|axis| {
            let ends = self.parts.iter().map(|part| {
                let margin = 6.0 * part.covariance[2 * axis].sqrt();
                [part.mean[axis] - margin, part.mean[axis] + margin]
            });
            ends.reduce(|a, b| [a[0].min(b[0]), a[1].max(b[1])])
                .unwrap_or([0.0, 0.0])
        })
    }
}

impl Term {
    fn at(&self, x: [f64; 2]) -> f64 {
        let [dx, dy] = [x[0] - self.mean[0], x[1] - self.mean[1]];
        let [xx, xy, yy] = self.precision;
        self.log_peak - 0.5 * (xx * dx * dx + 2.0 * xy * dx * dy + yy * dy * dy)
    }
}

fn terms(parts: &[Gaussian], signal: f64, noise: f64) -> Vec<Term> {
    let diffuse = |part: &Gaussian| {
        let [xx, xy, yy] = part.covariance.map(|v| signal * signal * v);
        let [xx, yy] = [xx + noise * noise, yy + noise * noise];
        let determinant = xx * yy - xy * xy;
        Term {
            log_peak: part.weight.ln() - TAU.ln() - 0.5 * determinant.ln(),
            mean: part.mean.map(|v| signal * v),
            precision: [yy, -xy, xx].map(|v| v / determinant),
        }
    };
    parts.iter().map(diffuse).collect()
}

/// `exp(-precision distance² / 2)`, or 0 where negligible.
fn bell(distance: f64, precision: f64) -> f64 {
    let value = (-0.5 * precision * distance * distance).exp();
    if value < NEGLIGIBLE { 0.0 } else { value }
}

fn log_sum(terms: &[Term], x: [f64; 2]) -> f64 {
    let top = terms.iter().fold(f64::NEG_INFINITY, |top, term| {
        let log = term.at(x);
        if log > top { log } else { top }
    });
    // Terms 40 nats below the largest are beneath an f64's rounding of the sum.
    let sum: f64 = terms
        .iter()
        .map(|term| term.at(x) - top)
        .filter(|&below| below > -40.0)
        .map(f64::exp)
        .sum();
    top + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_correlated_gaussian_has_the_textbook_density() {
        let mixture = Mixture::new(vec![Gaussian {
            weight: 3.0,
            mean: [1.0, -1.0],
            covariance: [2.0, 0.6, 0.5],
            mode: 0,
        }]);
        // At signal 0.5 and noise 0.5: covariance [0.75, 0.15, 0.375], determinant 0.25875.
        let (dx, dy, det) = (0.3 - 0.5, 0.2 + 0.5, 0.75 * 0.375 - 0.15 * 0.15);
        let form = (0.375 * dx * dx - 2.0 * 0.15 * dx * dy + 0.75 * dy * dy) / det;
        let expected = -0.5 * form - 0.5 * f64::ln(det) - TAU.ln();
        assert!((mixture.log_density([0.3, 0.2], 0.5, 0.5) - expected).abs() < 1e-12);
    }

    #[test]
    fn far_away_the_density_is_tiny_and_finite() {
        let mixture = Mixture::new(vec![
            Gaussian::round(1.0, [0.0, 0.0], 0.1, 0),
            Gaussian::round(1.0, [1.0, 0.0], 0.1, 1),
        ]);
        let far = mixture.log_density([51.0, 0.0], 1.0, 0.0);
        let nearest = 0.5f64.ln() - (TAU * 0.01).ln() - 0.5 * 2500.0 / 0.01;
        assert!((far - nearest).abs() < 1e-6);
        let grid = mixture.log_density_grid(&[51.0], &[0.0], 1.0, 0.0);
        assert_eq!(grid, [far as f32]);
    }
}
