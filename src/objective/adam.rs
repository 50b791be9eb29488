//! Adam over one flat parameter buffer (Kingma & Ba, arXiv 1412.6980, algorithm 1), gradient
//! clipping and the learning-rate schedule of DA-EBM's released code.

use crate::settings::{Key, Settings};
use burn::tensor::{Device, Tensor};

const EPSILON: f64 = 1e-8;

/// What an Adam step needs besides the gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamSettings {
    pub learning_rate: f64,
    pub beta1: f64,
    pub beta2: f64,
}

/// First and second moments of the gradient, `[parameters]` each, and the number of steps taken.
#[derive(Clone)]
pub struct Adam {
    pub first: Tensor<1>,
    pub second: Tensor<1>,
    pub steps: u64,
}

impl Adam {
    pub fn new(parameters: usize, device: &Device) -> Self {
        let zeros = || Tensor::zeros([parameters], device);
        Self {
            first: zeros(),
            second: zeros(),
            steps: 0,
        }
    }

    /// The parameters after one step along `gradient`.
    pub fn step(&mut self, flat: Tensor<1>, gradient: Tensor<1>, s: AdamSettings) -> Tensor<1> {
        self.steps += 1;
        let power = |beta: f64| beta.powf(self.steps as f64);
        let square = gradient.clone().powi_scalar(2);
        self.first = self.first.clone() * s.beta1 + gradient * (1.0 - s.beta1);
        self.second = self.second.clone() * s.beta2 + square * (1.0 - s.beta2);
        let rate = s.learning_rate / (1.0 - power(s.beta1));
        let root = (self.second.clone() / (1.0 - power(s.beta2))).sqrt() + EPSILON;
        flat - self.first.clone() / root * rate
    }
}

/// Shortens the gradient to length `clip` if it is longer (0: never), and returns it with its
/// length before, `[1]`.
pub fn clip_to_norm(gradient: Tensor<1>, clip: f64) -> (Tensor<1>, Tensor<1>) {
    let norm = gradient.clone().powi_scalar(2).sum().sqrt();
    if clip <= 0.0 {
        return (gradient, norm);
    }
    let factor = norm.clone().clamp_min(clip).recip() * clip;
    (gradient * factor, norm)
}

/// The running average of weights after `flat` follows `iteration` others, with this `memory`; at first
/// over the last third of them, so that fresh weights are soon forgotten.
pub fn averaged(average: &Tensor<1>, flat: &Tensor<1>, memory: f64, iteration: u64) -> Tensor<1> {
    let past = iteration as f64;
    let memory = memory.min((1.0 + past) / (4.0 + past));
    average.clone() * memory + flat.clone() * (1.0 - memory)
}

/// The learning rate of an iteration.
pub fn learning_rate(settings: &Settings, iteration: u64) -> f64 {
    settings.float(Key::LearningRate) * rate_factor(settings, iteration)
}

/// What the learning rates are multiplied by at an iteration: linear warm-up; if decay is on, divided by ten at three points
/// of the run, at equal distances from `decay-from` to its end (from 70 %: at 70, 80 and 90 %).
pub fn rate_factor(settings: &Settings, iteration: u64) -> f64 {
    let warmup = settings.int(Key::Warmup) as u64;
    let length = settings.int(Key::Iterations) as u64;
    let ramp = if iteration < warmup {
        (iteration + 1) as f64 / warmup as f64
    } else {
        1.0
    };
    let from = settings.int(Key::DecayFrom) as u64;
    let drops = match settings.on(Key::Decay) {
        true => (0..3)
            .filter(|drop| iteration * 300 >= length * (from * 3 + (100 - from) * drop))
            .count(),
        false => 0,
    };
    ramp * 0.1f64.powi(drops as i32)
}
