//! Long chains of the energy from test images: whether they stay images.

use super::{floats, rows};
use crate::data::images::{Images, NUMBERS};
use crate::energy::{Energy, LevelEnergy, membership_of_labels};
use crate::rng::Stream;
use crate::sampler::{Kernel, Noise, run};
use burn::tensor::{Device, Tensor};
use serde::Serialize;

/// Transitions between two changes of the steps' size, and whose noise is drawn at once.
const STRETCH: u64 = 10;

/// Chains after some transitions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LongRun {
    pub transitions: u64,
    /// Mean energy, and mean and deviation of all numbers.
    pub energy: f64,
    pub mean: f64,
    pub deviation: f64,
    /// Root mean square distance from where each chain began.
    pub moved: f64,
    /// Share of numbers outside [-1, 1].
    pub outside: f64,
    pub acceptance: f64,
    pub step: f64,
}

/// MALA at level `t` from test images, with steps that adapt over the first tenth towards 57 % acceptance.
/// `look` sees the places at every line.
pub fn long_run<M: LevelEnergy>(
    model: &M,
    t: usize,
    start: &Images,
    transitions: u64,
    device: &Device,
    mut look: impl FnMut(&LongRun, &[f32]),
) -> Vec<LongRun> {
    let at = model.at(membership_of_labels(&[t], model.levels(), device));
    let begun = rows(start, device);
    let [n, d] = begun.dims();
    let (mut x, mut step) = (begun.clone(), 1e-3);
    let (mut accepted, mut stretches) = (0.0, 0);
    let mut lines = Vec::new();
    let mut next = 0;
    for done in (0..=transitions).step_by(STRETCH as usize) {
        if done >= next {
            let shown = (accepted / f64::from(stretches.max(1)), step);
            let (line, numbers) = line(&at, &x, &begun, done, shown);
            look(&line, &numbers);
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
    at: &impl Energy,
    x: &Tensor<2>,
    begun: &Tensor<2>,
    transitions: u64,
    (acceptance, step): (f64, f64),
) -> (LongRun, Vec<f32>) {
    let energy = floats(at.energy(x.clone()));
    let gap = floats((x.clone() - begun.clone()).powi_scalar(2).mean());
    let numbers = floats(x.clone());
    let n = numbers.len() as f64;
    let mean = numbers.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
    let square = |&v: &f32| (f64::from(v) - mean).powi(2);
    let outside = numbers.iter().filter(|v| v.abs() > 1.0).count();
    debug_assert_eq!(numbers.len() % NUMBERS, 0);
    let line = LongRun {
        transitions,
        energy: energy.iter().map(|&e| f64::from(e)).sum::<f64>() / energy.len() as f64,
        mean,
        deviation: (numbers.iter().map(square).sum::<f64>() / n).sqrt(),
        moved: f64::from(gap[0]).sqrt(),
        outside: outside as f64 / n,
        acceptance,
        step,
    };
    (line, numbers)
}
