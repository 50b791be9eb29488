//! Energy discrepancy with a Gaussian kernel and w-stabilisation (Schröder et al., NeurIPS 2023,
//! arXiv 2307.06431): tell each data point from M points that were noised twice.
//!
//! Invariant: with w = 1 the expected gradient vanishes at E = -log p for every M and every noise
//! variance (DCD notes, 1.6): it is a ranking loss with M + 1 candidates.

use super::contrast::{stack, weigh};
use super::follow::Loss;
use super::{Contrast, Update};
use crate::energy::Trainable;
use crate::rng::{Draws, Stream};
use crate::sampler::Labelled;
use burn::tensor::{Tensor, TensorData};

/// How the negatives of a point are drawn and weighed.
#[derive(Clone, Copy, Debug)]
pub struct Ranking {
    /// Negatives of each point, M.
    pub negatives: usize,
    /// Weight of the point itself, w.
    pub stabiliser: f64,
}

impl Ranking {
    /// `mean_i log( w/M + 1/M sum_j exp(E(x_i) - E(y_ij)) )` `[1]` and its derivative in each energy.
    /// `energies` `[(1 + M) n]` are those of the n points, then of their first negatives, and so on.
    pub fn rule(self, energies: Tensor<1>) -> (Tensor<1>, Tensor<1>) {
        let m = self.negatives;
        let [rows] = energies.dims();
        let n = rows / (m + 1);
        // One row for the points, one for each of their negatives.
        let table = energies.reshape([m + 1, n]);
        let own = table.clone().slice([0..1, 0..n]);
        let mut logits = own - table.slice([1..m + 1, 0..n]);
        if self.stabiliser > 0.0 {
            let itself = logits.clone().slice([0..1, 0..n]) * 0.0 + self.stabiliser.ln() as f32;
            logits = Tensor::cat(vec![logits, itself], 0);
        }
        let top = logits.clone().max_dim(0);
        let parts = (logits - top.clone()).exp();
        let sum = parts.clone().sum_dim(0);
        let loss = (sum.clone().log() + top).mean() - (m as f32).ln();
        let share = parts.slice([0..m, 0..n]) / sum / n as f32;
        let weights = Tensor::cat(vec![share.clone().sum_dim(0), share.neg()], 0);
        (loss, weights.reshape([rows]))
    }
}

/// Points `[n, d]` and below them their negatives `x + s (z + z_j)`, `[(1 + M) n, d]`, with noise
/// deviations `s` `[n, 1]`: one z a point, shared by its M negatives. `key` is seed and iteration.
pub fn candidates(data: &Labelled, deviation: &Tensor<2>, m: usize, key: [u64; 2]) -> Labelled {
    let [n, d] = data.x.dims();
    let device = data.x.device();
    let normals = |stream, count: usize| {
        let z = Draws::new(key[0], stream, key[1]).normals(d * n * count);
        Tensor::<2>::from_data(TensorData::new(z, [n * count, d]), &device)
    };
    let y = data.x.clone() + normals(Stream::Diffuse, 1) * deviation.clone();
    let spread = normals(Stream::Negatives, m) * deviation.clone().repeat_dim(0, m);
    let negatives = Labelled {
        x: y.repeat_dim(0, m) + spread,
        member: data.member.clone().repeat_dim(0, m),
    };
    stack(&[data, &negatives])
}

pub(super) struct EnergyDiscrepancy {
    pub ranking: Ranking,
    /// Variance of the noise.
    pub tau: f64,
}

impl<N: Trainable> Loss<N> for EnergyDiscrepancy {
    fn contrast(&self, u: &Update<N>) -> Contrast {
        let [n, _] = u.data.x.dims();
        let deviation = Tensor::full([n, 1], self.tau.sqrt() as f32, u.device);
        let key = [u.seed, u.iteration];
        let points = candidates(u.data, &deviation, self.ranking.negatives, key);
        weigh(u.model, &points, |energies| self.ranking.rule(energies))
    }
}
