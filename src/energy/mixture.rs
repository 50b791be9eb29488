//! The exact energy of an isotropic Gaussian mixture under a diffusion: the oracle that samplers
//! and networks are held against.
//!
//! Invariant: `E(x, t) = -log p_t(x)` exactly, so every level has normalising constant 1.

use super::{Energy, LevelEnergy};
use crate::diffusion::Schedule;
use burn::tensor::{Device, Tensor, TensorData, activation::softmax};

/// Isotropic Gaussians with weights, diffused to every level of a schedule.
#[derive(Clone)]
pub struct GaussianMixture {
    /// `[components, 2]` centres of the clean mixture.
    centres: Tensor<2>,
    /// `[levels]` share of the centres left at a level.
    signal: Tensor<1>,
    /// `[levels]` variance of each component at a level.
    variance: Tensor<1>,
    /// `[1, components]` log weights.
    log_weights: Tensor<2>,
}

impl GaussianMixture {
    /// A mixture with these centres, weights (summing to one) and common deviation.
    pub fn new(
        centres: &[[f32; 2]],
        weights: &[f32],
        deviation: f32,
        schedule: &Schedule,
        device: &Device,
    ) -> Self {
        let levels = 0..schedule.levels();
        let signal: Vec<f32> = levels.clone().map(|t| schedule.signal(t) as f32).collect();
        let variance: Vec<f32> = levels
            .map(|t| {
                let scaled = schedule.signal(t) * f64::from(deviation);
                (scaled * scaled + schedule.noise(t).powi(2)) as f32
            })
            .collect();
        let log_weights: Vec<f32> = weights.iter().map(|w| w.ln()).collect();
        let n = centres.len();
        Self {
            centres: Tensor::from_data(
                TensorData::new(centres.as_flattened().to_vec(), [n, 2]),
                device,
            ),
            signal: Tensor::from_data(signal.as_slice(), device),
            variance: Tensor::from_data(variance.as_slice(), device),
            log_weights: Tensor::from_data(TensorData::new(log_weights, [1, n]), device),
        }
    }
}

/// A mixture with every point at a level of its own.
pub struct MixtureAt {
    mixture: GaussianMixture,
    /// `[n or 1, 1]`
    signal: Tensor<2>,
    variance: Tensor<2>,
}

impl MixtureAt {
    /// Log of each component's weighted density `[n, components]`, and the offsets from the
    /// components' centres along each axis, two of `[n, components]`.
    fn parts(&self, x: Tensor<2>) -> (Tensor<2>, [Tensor<2>; 2]) {
        let [rows, _] = x.dims();
        let [components, _] = self.mixture.centres.dims();
        let offset = |axis: usize| {
            let centre = self
                .mixture
                .centres
                .clone()
                .slice([0..components, axis..axis + 1]);
            let centre = self.signal.clone() * centre.transpose();
            x.clone().slice([0..rows, axis..axis + 1]) - centre
        };
        let offsets = [offset(0), offset(1)];
        let squared = offsets[0].clone().powi_scalar(2) + offsets[1].clone().powi_scalar(2);
        let normaliser = (self.variance.clone() * std::f32::consts::TAU).log();
        let logs =
            self.mixture.log_weights.clone() - squared / (self.variance.clone() * 2.0) - normaliser;
        (logs, offsets)
    }
}

impl Energy for MixtureAt {
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        let (logs, _) = self.parts(x);
        let top = logs.clone().max_dim(1);
        let sum = (logs - top.clone()).exp().sum_dim(1).log() + top;
        sum.neg().squeeze_dim(1)
    }

    fn energy_and_grad(&self, x: Tensor<2>) -> (Tensor<1>, Tensor<2>) {
        let (logs, offsets) = self.parts(x.clone());
        let share = softmax(logs, 1);
        let grad = offsets.map(|o| (share.clone() * o).sum_dim(1) / self.variance.clone());
        (self.energy(x), Tensor::cat(grad.to_vec(), 1))
    }
}

impl LevelEnergy for GaussianMixture {
    type At = MixtureAt;

    fn levels(&self) -> usize {
        self.signal.dims()[0]
    }

    fn at(&self, membership: Tensor<2>) -> MixtureAt {
        let column = |v: &Tensor<1>| (membership.clone() * v.clone().unsqueeze::<2>()).sum_dim(1);
        MixtureAt {
            mixture: self.clone(),
            signal: column(&self.signal),
            variance: column(&self.variance),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::membership_of;
    use super::*;

    #[test]
    fn energy_and_gradient_match_the_formula() {
        let device = Device::flex();
        let schedule = Schedule::cumulative_ramp(3, 0.1, 0.4);
        let centres = [[1.0f32, 0.0], [-1.0, 0.5]];
        let mixture = GaussianMixture::new(&centres, &[0.25, 0.75], 0.5, &schedule, &device);
        for t in 0..4 {
            let at = mixture.at(membership_of(t, 4, 1, &device));
            let x = [[0.3f32, -0.7], [1.5, 2.0]];
            let (e, g) = at.energy_and_grad(Tensor::from_data(x, &device));
            let (e, g) = (e.to_data(), g.to_data());
            let (e, g) = (e.as_slice::<f32>().unwrap(), g.as_slice::<f32>().unwrap());
            let exact = |x: [f64; 2]| {
                let (s, v) = (
                    schedule.signal(t),
                    schedule.signal(t).powi(2) * 0.25 + schedule.noise(t).powi(2),
                );
                let term = |c: [f32; 2], w: f64| {
                    let (dx, dy) = (x[0] - s * f64::from(c[0]), x[1] - s * f64::from(c[1]));
                    w * (-(dx * dx + dy * dy) / (2.0 * v)).exp() / (std::f64::consts::TAU * v)
                };
                -(term(centres[0], 0.25) + term(centres[1], 0.75)).ln()
            };
            for (i, p) in x.iter().enumerate() {
                let p = p.map(f64::from);
                assert!((f64::from(e[i]) - exact(p)).abs() < 1e-5 * exact(p).abs().max(1.0));
                for axis in 0..2 {
                    let (mut a, mut b) = (p, p);
                    a[axis] -= 1e-5;
                    b[axis] += 1e-5;
                    let slope = (exact(b) - exact(a)) / 2e-5;
                    assert!(
                        (f64::from(g[2 * i + axis]) - slope).abs() < 2e-4 * slope.abs().max(1.0)
                    );
                }
            }
        }
    }
}
