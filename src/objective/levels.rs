//! Diffusion contrastive divergence between neighbouring noises, for one energy over noise levels
//! (arXiv 2307.01668; DCD notes, 1.5 and 1.8): at each level one step of the diffusion that noises the data.
//!
//! The noised point y has clean data x_0 in it and nothing but noise besides, so Stein's identity may take
//! all of its noise to estimate the Laplacian, not only that of the last step; with the last step alone the
//! estimate's variance grows without bound as the step shrinks. In the limit of small steps the contrast of
//! energies becomes that estimate too, and the loss `½ |σ ∂E/∂y - z|²`: denoising score matching of the
//! energy's gradient at every level.
//!
//! Invariant: the batch's points are clean; each is noised to its level here.

use super::contrast::slopes;
use super::dcd::{Diffusion, Transition};
use super::{Contrast, Found, Objective, Update};
use crate::diffusion::Schedule;
use crate::energy::Trainable;
use crate::objective::conditional::{of_level, per_level};
use crate::rng::Stream;
use crate::sampler::Labelled;
use burn::tensor::{Device, Tensor};

/// Training between the levels of a variance-exploding schedule.
pub struct LevelDcd {
    /// `[1, levels]` deviation of the noise, and weight of the loss.
    noise: Tensor<2>,
    weight: Tensor<2>,
    /// Deviation of a step, in units of the noise before it; 0 for the limit of small steps.
    step: f64,
}

impl LevelDcd {
    /// `deviation` is that of the data. It decides the levels' weights, `1 + (σ/deviation)²` (Karras et al.
    /// 2022, arXiv 2206.00364, table 1, for the noise in place of the image).
    pub fn new(schedule: &Schedule, deviation: f64, step: f64, device: &Device) -> Self {
        let noise = |t: usize| schedule.noise(t);
        let weight = |t: usize| 1.0 + (schedule.noise(t) / deviation).powi(2);
        Self {
            noise: per_level(schedule.levels(), &noise, device),
            weight: per_level(schedule.levels(), &weight, device),
            step,
        }
    }

    fn contrast<N: Trainable>(&self, u: &Update<N>) -> Contrast {
        let [n, d] = u.data.x.dims();
        let member = &u.data.member;
        let noise = of_level(member, &self.noise);
        let weight = of_level(member, &self.weight) / (n * d) as f32;
        let at = |x: Tensor<2>| Labelled {
            x,
            member: member.clone(),
        };
        let z = u.normals(Stream::Diffuse, 1);
        if self.step <= 0.0 {
            let noised = at(u.data.x.clone() + z.clone() * noise.clone());
            return slopes(u.model, &noised, |_, grad| {
                let noise = noise.clone().autodiff();
                let miss = grad * noise - z.clone().autodiff();
                (miss.powi_scalar(2) * weight.clone().autodiff()).sum() * 0.5
            });
        }
        // Noise of the level and a little less before the step.
        let before = noise.clone() / (1.0 + self.step * self.step).sqrt();
        let step = before.clone() * self.step;
        let x = u.data.x.clone() + z.clone() * before.clone();
        let last = u.normals(Stream::Negatives, 1);
        let all = (z * before + last.clone() * step.clone()) / noise.clone();
        let points = [&at(x.clone()), &at(x + last * step.clone())];
        let transition = Transition {
            signal: noise.ones_like(),
            noise: noise.clone(),
            time: step.powi_scalar(2),
        };
        let rate = weight * noise.powi_scalar(2);
        Diffusion::Ve.stein_step(u.model, points, &all, &transition, &rate)
    }
}

impl<N: Trainable> Objective<N> for LevelDcd {
    fn descend(&mut self, u: &Update<N>) -> Found {
        Found {
            contrast: self.contrast(u),
            gap: None,
            moved: None,
        }
    }
}
