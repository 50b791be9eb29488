//! Noise-contrastive estimation (Gutmann & Hyvärinen 2010): tell data from M times as many draws of a
//! known Gaussian.
//!
//! Invariant: the minimum is `E = -log p` with its constant: the network's output bias learns the
//! normaliser.

use super::contrast::{stack, weigh};
use super::follow::Loss;
use super::{Contrast, Update};
use crate::energy::Trainable;
use crate::rng::Stream;
use crate::sampler::Labelled;
use burn::tensor::{Tensor, activation};
use std::f64::consts::TAU;

pub(super) struct NoiseContrastive {
    /// Deviation of the noise.
    pub spread: f64,
    /// Noise points for each data point.
    pub ratio: usize,
}

impl<N: Trainable> Loss<N> for NoiseContrastive {
    /// `mean softplus(-h(x)) + M mean softplus(h(y))` with the log odds `h = -E - log(M p_noise)`.
    fn contrast(&self, u: &Update<N>) -> Contrast {
        let [n, _] = u.data.x.dims();
        let m = self.ratio;
        let noise = Labelled {
            x: u.normals(Stream::Negatives, m) * self.spread,
            member: u.data.member.clone().repeat_dim(0, m),
        };
        let both = stack(&[u.data, &noise]);
        let variance = self.spread * self.spread;
        let log_noise = both.x.clone().powi_scalar(2).sum_dim(1).squeeze_dim::<1>(1)
            * (-0.5 / variance)
            - (TAU * variance).ln();
        let log_ratio = (m as f64).ln();
        weigh(u.model, &both, |energies| {
            told_from_noise(energies, log_noise.clone() + log_ratio, n)
        })
    }
}

/// The loss `[1]` and its derivative in each energy `[n + M n]`, of which the first n are of data;
/// `log_scaled_noise` is log(M p_noise) at the same points.
pub fn told_from_noise(
    energies: Tensor<1>,
    log_scaled_noise: Tensor<1>,
    n: usize,
) -> (Tensor<1>, Tensor<1>) {
    let [rows] = energies.dims();
    let odds = (energies + log_scaled_noise).neg();
    let data = odds.clone().slice(0..n).neg();
    let noise = odds.slice(n..rows);
    let signed = Tensor::cat(vec![data, noise], 0);
    // softplus(a) = -log sigmoid(-a).
    let loss = activation::log_sigmoid(signed.clone().neg()).sum() / -(n as f32);
    let push = activation::sigmoid(signed) / n as f32;
    let weights = vec![push.clone().slice(0..n), push.slice(n..rows).neg()];
    (loss, Tensor::cat(weights, 0))
}
