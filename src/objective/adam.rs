//! Adam over one flat parameter buffer (Kingma & Ba, arXiv 1412.6980, algorithm 1), gradient
//! clipping and the learning-rate schedule of DA-EBM's released code.

use crate::kernel::{AdamRule, AdamState, adam};
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
        let square = gradient.clone().powi_scalar(2);
        self.first = self.first.clone() * s.beta1 + gradient * (1.0 - s.beta1);
        self.second = self.second.clone() * s.beta2 + square * (1.0 - s.beta2);
        let [first, second] = self.bias(s);
        let rate = s.learning_rate / first;
        let root = (self.second.clone() / second).sqrt() + EPSILON;
        flat - self.first.clone() / root * rate
    }

    /// How far the moments still are from zero, as a share.
    fn bias(&self, s: AdamSettings) -> [f64; 2] {
        [s.beta1, s.beta2].map(|beta| 1.0 - beta.powf(self.steps as f64))
    }

    /// One step of weights and of their average along a gradient shortened to length `clip`, by a kernel
    /// if `fast` and there is one. Returns the gradient's length before, `[1]`.
    pub fn descend(
        &mut self,
        weights: &mut Tensor<1>,
        average: Option<Averaged>,
        gradient: Tensor<1>,
        clip: f64,
        s: AdamSettings,
        fast: bool,
    ) -> Tensor<1> {
        if fast {
            let state = AdamState {
                weights: weights.clone(),
                first: self.first.clone(),
                second: self.second.clone(),
                average: average.as_ref().map(|a| a.average.clone()),
            };
            let past = self.steps;
            self.steps += 1;
            let [first, second] = self.bias(s);
            let rule = AdamRule {
                rate: s.learning_rate / first,
                root: 1.0 / second,
                beta1: s.beta1,
                beta2: s.beta2,
                clip,
                memory: average.as_ref().map_or(0.0, Averaged::memory),
            };
            if let Some((state, length)) = adam(&state, &gradient, &rule) {
                (*weights, self.first, self.second) = (state.weights, state.first, state.second);
                if let (Some(old), Some(new)) = (average, state.average) {
                    *old.average = new;
                }
                return length;
            }
            self.steps = past;
        }
        let (gradient, length) = clip_to_norm(gradient, clip);
        *weights = self.step(weights.clone(), gradient, s);
        if let Some(a) = average {
            *a.average = averaged(a.average, weights, a.memory, a.iteration);
        }
        length
    }
}

/// The running average of weights after these follow `iteration` others.
pub struct Averaged<'a> {
    pub average: &'a mut Tensor<1>,
    /// As long as there are fewer weights, the memory is shorter.
    pub memory: f64,
    pub iteration: u64,
}

impl Averaged<'_> {
    fn memory(&self) -> f64 {
        memory_at(self.memory, self.iteration)
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
    let memory = memory_at(memory, iteration);
    average.clone() * memory + flat.clone() * (1.0 - memory)
}

fn memory_at(memory: f64, iteration: u64) -> f64 {
    let past = iteration as f64;
    memory.min((1.0 + past) / (4.0 + past))
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
