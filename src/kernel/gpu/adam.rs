//! Adam on a GPU.

use super::launch::{ALIGN, THREADS, buffer, empty, launch, part, words};
use super::program::Plain;
use crate::kernel::{AdamRule, AdamState};
use burn::tensor::Tensor;

/// Sums that a gradient's length is made of.
const PARTS: usize = 64;

/// As [`crate::kernel::adam`].
pub fn adam(
    state: &AdamState,
    gradient: &Tensor<1>,
    rule: &AdamRule,
) -> Option<(AdamState, Tensor<1>)> {
    let [numbers] = gradient.dims();
    let stride = numbers.next_multiple_of(ALIGN);
    let gradient = buffer(gradient)?;
    let squares = empty(&gradient, PARTS);
    let count = words(&gradient, &[numbers as u32]);
    launch(
        Plain::Norm(PARTS),
        THREADS,
        PARTS,
        [&gradient, &count, &squares],
    );
    let memory = if state.average.is_some() {
        rule.memory
    } else {
        -1.0
    };
    let rule = [
        rule.rate, rule.root, rule.beta1, rule.beta2, rule.clip, memory,
    ];
    let rule = rule.map(|v| (v as f32).to_bits());
    let info = words(
        &gradient,
        &[&[numbers as u32, stride as u32], &rule[..]].concat(),
    );
    let found = empty(&gradient, 4 * stride + 1);
    let average = match &state.average {
        Some(average) => buffer(average)?,
        // Bound, but not read.
        None => empty(&gradient, 1),
    };
    launch(
        Plain::Adam(PARTS),
        THREADS,
        numbers.div_ceil(THREADS),
        [
            &buffer(&state.weights)?,
            &gradient,
            &buffer(&state.first)?,
            &buffer(&state.second)?,
            &average,
            &squares,
            &info,
            &found,
        ],
    );
    let part = |i: usize| part(&found, i * stride, [numbers]);
    let state = AdamState {
        weights: part(0),
        first: part(1),
        second: part(2),
        average: state.average.is_some().then(|| part(3)),
    };
    Some((state, super::launch::part(&found, 4 * stride, [1])))
}
