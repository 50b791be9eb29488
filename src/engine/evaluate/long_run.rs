//! Long chains of the energy from test images: whether they stay images.

use super::{Reference, floats};
use crate::data::images::Images;
use crate::energy::Energy;
use crate::engine::model::ImageModel;
use crate::rng::{Draws, Stream};
use crate::sampler::{Kernel, Noise, denoised, run};
use burn::tensor::Tensor;
use serde::Serialize;

/// Transitions between two changes of the steps' size, and whose noise is drawn at once.
const STRETCH: u64 = 10;

/// Chains after some transitions. Numbers are those of the clean images that the model guesses behind the
/// level's noise.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LongRun {
    pub transitions: u64,
    /// Mean energy of the chains, and mean and deviation of all numbers.
    pub energy: f64,
    pub mean: f64,
    pub deviation: f64,
    /// Fréchet distances of the guesses, which are few: to be read against those of the first line.
    pub resnet56: f64,
    pub mobilenet: f64,
    /// Root mean square distance from what each chain began with.
    pub moved: f64,
    /// Share of numbers outside [-1, 1].
    pub outside: f64,
    pub acceptance: f64,
    pub step: f64,
}

/// MALA at level `t` from test images diffused to it, with steps that adapt over the first tenth towards 57 %
/// acceptance. `look` sees every line.
pub fn long_run(
    model: &ImageModel,
    t: usize,
    start: &Images,
    transitions: u64,
    reference: &Reference,
    mut look: impl FnMut(&LongRun),
) -> Vec<LongRun> {
    let (at, device) = (model.at(t), &model.device);
    let clean = model.rows(start);
    let [n, d] = clean.dims();
    let noise = Draws::new(1, Stream::Evaluation, t as u64).normals(n * d);
    let noise = model.matrix(noise) * model.schedule.noise(t);
    let mut x = clean * model.schedule.signal(t) + noise;
    let guess = |x: &Tensor<2>| denoised(&model.energy, &model.schedule, t, x);
    let begun = guess(&x);
    let mut step = 0.1 * model.schedule.noise(t).max(1e-2);
    let (mut accepted, mut stretches) = (0.0, 0);
    let mut lines = Vec::new();
    let mut next = 0;
    for done in (0..=transitions).step_by(STRETCH as usize) {
        if done >= next {
            let shown = (accepted / f64::from(stretches.max(1)), step);
            let energy = floats(at.energy(x.clone()));
            let line = line(&energy, guess(&x), &begun, done, shown, reference);
            look(&line);
            lines.push(line);
            (accepted, stretches) = (0.0, 0);
            next = (done * 2).max(100).min(transitions.max(1));
            if done >= transitions {
                break;
            }
        }
        let steps = Tensor::full([n, 1], step as f32, device);
        let streams = [Stream::Proposal, Stream::Accept];
        let noise = Noise::draw(1, streams, done, [STRETCH as usize, n, d], device);
        let moved = run(Kernel::Mala, &at, x, &steps, &noise);
        x = moved.x;
        let share = f64::from(floats(moved.accepted.mean())[0]);
        accepted += share;
        stretches += 1;
        if done < transitions / 10 {
            step *= (0.5 * (share - 0.574)).exp();
        }
    }
    lines
}

fn line(
    energy: &[f32],
    guess: Tensor<2>,
    begun: &Tensor<2>,
    transitions: u64,
    (acceptance, step): (f64, f64),
    reference: &Reference,
) -> LongRun {
    let gap = floats((guess.clone() - begun.clone()).powi_scalar(2).mean());
    let numbers = floats(guess);
    let n = numbers.len() as f64;
    let mean = numbers.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
    let square = |&v: &f32| (f64::from(v) - mean).powi(2);
    let outside = numbers.iter().filter(|v| v.abs() > 1.0).count();
    let distances = reference.distances("chains", &Images::from_numbers(&numbers));
    LongRun {
        transitions,
        energy: energy.iter().map(|&e| f64::from(e)).sum::<f64>() / energy.len() as f64,
        mean,
        resnet56: distances.resnet56,
        mobilenet: distances.mobilenet,
        deviation: (numbers.iter().map(square).sum::<f64>() / n).sqrt(),
        moved: f64::from(gap[0]).sqrt(),
        outside: outside as f64 / n,
        acceptance,
        step,
    }
}
