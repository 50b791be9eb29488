//! What one iteration of a training sees.
//!
//! Invariant: a batch depends on the spec, the data, the iteration and how often the run went back.

use super::TrainImages;
use super::objective::diffuse;
use crate::data::images::{NUMBERS, SIDE, number};
use crate::energy::membership_of_labels;
use crate::rng::{Draws, Stream};
use crate::sampler::Labelled;
use burn::tensor::{Tensor, TensorData};

/// Mean and deviation of the logarithm of the noise that most of a batch is given (Karras et al. 2022,
/// arXiv 2206.00364, table 1), and the share of the batch whose level is uniform instead.
const LOG_NOISE: [f64; 2] = [-1.2, 1.2];
const UNIFORM: f32 = 0.25;

impl TrainImages {
    /// A batch of training images with a level each: clean where DCD noises them itself, and else
    /// diffused to it.
    pub(super) fn batch(&self) -> Labelled {
        let n = self.spec.batch;
        let of = |stream| Draws::new(self.seed(), stream, self.iteration);
        let (pick, flip) = (of(Stream::Data), of(Stream::Flip));
        let mut x = Vec::with_capacity(n * NUMBERS);
        for i in 0..n {
            let image = self
                .data
                .image(pick.below(i as u32, self.data.len() as u32) as usize);
            let mirrored = self.spec.flip && flip.below(i as u32, 2) == 1;
            for row in image.chunks_exact(SIDE) {
                match mirrored {
                    true => x.extend(row.iter().rev().map(|&byte| number(byte))),
                    false => x.extend(row.iter().map(|&byte| number(byte))),
                }
            }
        }
        let labels = self.labels(n);
        if !self.spec.matches_scores() {
            let noise = of(Stream::DataNoise).normals(n * NUMBERS);
            diffuse(&mut x, &noise, &labels, &self.schedule);
        }
        Labelled {
            x: Tensor::from_data(TensorData::new(x, [n, NUMBERS]), &self.device),
            member: membership_of_labels(&labels, self.schedule.levels(), &self.device),
        }
    }

    /// A level for each image: uniform, but for DCD's loss most at the noises that matter most to the eye.
    fn labels(&self, n: usize) -> Vec<usize> {
        let levels = self.schedule.levels();
        let draws = Draws::new(self.seed(), Stream::DataLevel, self.iteration);
        let uniform = |i: usize| draws.below(i as u32, levels as u32) as usize;
        if !self.spec.matches_scores() {
            return (0..n).map(uniform).collect();
        }
        let [low, high] = [
            self.schedule.noise(0).ln(),
            self.schedule.noise(levels - 1).ln(),
        ];
        let among = |i: usize| {
            let log_noise =
                LOG_NOISE[0] + LOG_NOISE[1] * f64::from(draws.normal((2 * n + i) as u32));
            let t = (log_noise - low) / (high - low) * (levels - 1) as f64;
            (t.round().max(0.0) as usize).min(levels - 1)
        };
        (0..n)
            .map(|i| match draws.uniform((n + i) as u32) < UNIFORM {
                true => uniform(i),
                false => among(i),
            })
            .collect()
    }
}
