//! How a model of images is trained.

use crate::weights::{Method, ModelSpec, NoiseSpec};
use serde::{Deserialize, Serialize};

/// Everything that decides a training but its data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainSpec {
    pub model: ModelSpec,
    pub seed: u64,
    /// Length of the run.
    pub iterations: u64,
    /// Images of one iteration.
    pub batch: usize,
    pub learning_rate: f64,
    pub beta1: f64,
    pub beta2: f64,
    /// Iterations over which the learning rate rises, and in which chains take every step.
    pub warmup: u64,
    /// Share of the run, at its end, over which it falls.
    pub decay: f64,
    /// Longest gradient; 0 for any.
    pub clip: f64,
    /// Memory of the weights' running average.
    pub ema: f64,
    /// Whether half of the images are mirrored.
    pub flip: bool,
    /// DCD: deviation of a step in units of the noise before it, 0 for the limit of small steps.
    pub diffusion_step: f64,
    /// DA-EBM: transitions of an update, proposal deviation in units of a level's own noise, and number
    /// of chains.
    pub transitions: usize,
    pub step_size: f64,
    pub buffer: usize,
    /// DA-EBM: weight of the contrast with chains that keep their levels, beside DCD's loss; 0 for the
    /// contrast alone, with chains that walk over all levels. How many of the cleanest levels have such
    /// chains, and the largest factor of contrast that they begin with.
    #[serde(default)]
    pub persistence: f64,
    #[serde(default = "chain_levels")]
    pub chain_levels: usize,
    #[serde(default = "one")]
    pub spread: f64,
    /// DDAEBM: weights of the gradient penalty and of the entropy bound, and the generator's learning
    /// rate in units of the energy's.
    #[serde(default = "penalty")]
    pub penalty: f64,
    #[serde(default = "entropy")]
    pub entropy: f64,
    #[serde(default = "one")]
    pub generator_rate: f64,
}

/// As for CIFAR-10 in DDAEBM's released code.
fn penalty() -> f64 {
    0.02
}

fn chain_levels() -> usize {
    1
}

fn entropy() -> f64 {
    0.1
}

fn one() -> f64 {
    1.0
}

impl TrainSpec {
    /// The settings that a model's method is trained with by default.
    pub fn of(model: ModelSpec) -> Self {
        let base = Self {
            seed: 1,
            iterations: 20_000,
            batch: 64,
            learning_rate: 3e-3,
            beta1: 0.9,
            beta2: 0.99,
            warmup: 200,
            decay: 0.3,
            clip: 1.0,
            ema: 0.999,
            flip: true,
            diffusion_step: 0.0,
            transitions: 10,
            step_size: 0.3,
            buffer: 2_000,
            persistence: 0.0,
            chain_levels: chain_levels(),
            spread: one(),
            penalty: penalty(),
            entropy: entropy(),
            generator_rate: one(),
            model,
        };
        match base.model.method {
            Method::Dcd => base,
            Method::DaEbm if matches!(base.model.noise, NoiseSpec::Ramp { .. }) => Self {
                learning_rate: 2e-4,
                beta1: 0.0,
                beta2: 0.999,
                ..base
            },
            // To begin from weights that DCD has trained (`--from`).
            Method::DaEbm => Self {
                learning_rate: 2e-5,
                batch: 32,
                warmup: 20,
                ema: 0.995,
                step_size: 0.7,
                buffer: 64,
                persistence: 1.0,
                spread: 1.3,
                ..base
            },
            Method::Ddaebm => Self {
                learning_rate: 2e-4,
                beta1: 0.0,
                beta2: 0.9,
                clip: 0.0,
                ..base
            },
        }
    }

    /// Whether it can be trained by.
    ///
    /// # Errors
    /// What cannot be, in words.
    pub fn check(&self) -> Result<(), String> {
        self.model.check()?;
        if self.model.method != Method::DaEbm {
            return Ok(());
        }
        if self.buffer < self.batch {
            return Err("--buffer must not be smaller than --batch".into());
        }
        match (self.persistence > 0.0, self.model.noise) {
            (true, NoiseSpec::Ve { .. }) | (false, NoiseSpec::Ramp { .. }) => Ok(()),
            (true, _) => Err("--persistence needs noise that leaves the signal as it is".into()),
            (false, _) => {
                Err("chains cannot walk over these levels: --persistence must be above 0".into())
            }
        }
    }

    /// Whether DCD's loss is the whole loss or part of it: it noises images itself, most at the noises
    /// that matter to the eye.
    pub fn matches_scores(&self) -> bool {
        let method = self.model.method;
        method == Method::Dcd || method == Method::DaEbm && self.persistence > 0.0
    }

    /// The learning rate of an iteration: a linear rise, a plateau, and half a cosine down to a
    /// hundredth.
    pub fn rate(&self, iteration: u64) -> f64 {
        let rise = ((iteration + 1) as f64 / self.warmup.max(1) as f64).min(1.0);
        let length = self.iterations as f64;
        let from = length * (1.0 - self.decay);
        let fallen = match self.decay > 0.0 && iteration as f64 > from {
            true => ((iteration as f64 - from) / (length - from)).min(1.0),
            false => 0.0,
        };
        let share = 0.5 + 0.5 * (std::f64::consts::PI * fallen).cos();
        self.learning_rate * rise * (0.01 + 0.99 * share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_learning_rate_rises_stays_and_falls() {
        let spec = TrainSpec::of(ModelSpec::named("dcd-cifar").unwrap());
        let top = spec.learning_rate;
        assert!((spec.rate(0) - top / 200.0).abs() < 1e-12);
        assert_eq!(spec.rate(200), top);
        assert_eq!(spec.rate(14_000), top);
        assert!(spec.rate(17_000) < 0.51 * top && spec.rate(17_000) > 0.5 * top);
        assert!((spec.rate(20_000) - 0.01 * top).abs() < 1e-12);
    }
}
