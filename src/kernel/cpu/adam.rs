//! Adam in memory.

use super::{dispatch, numbers, tensor};
use crate::kernel::{AdamRule, AdamState};
use burn::tensor::Tensor;

const EPSILON: f32 = 1e-8;

/// As [`crate::kernel::adam`].
pub fn adam(
    state: &AdamState,
    gradient: &Tensor<1>,
    rule: &AdamRule,
) -> Option<(AdamState, Tensor<1>)> {
    let device = gradient.device();
    let gradient = numbers(gradient)?;
    let mut weights = numbers(&state.weights)?;
    let (mut first, mut second) = (numbers(&state.first)?, numbers(&state.second)?);
    let mut average = match &state.average {
        Some(average) => Some(numbers(average)?),
        None => None,
    };
    let squares = gradient.iter().map(|g| f64::from(g * g)).sum::<f64>();
    let length = squares.sqrt() as f32;
    let clip = rule.clip as f32;
    let shorten = match clip > 0.0 {
        true => clip / length.max(clip),
        false => 1.0,
    };
    let [rate, root, beta1, beta2, memory] =
        [rule.rate, rule.root, rule.beta1, rule.beta2, rule.memory].map(|v| v as f32);
    dispatch(|| {
        let moments = first.iter_mut().zip(&mut second);
        for ((w, (m, v)), g) in weights.iter_mut().zip(moments).zip(&gradient) {
            let g = g * shorten;
            *m = beta1 * *m + (1.0 - beta1) * g;
            *v = beta2 * *v + (1.0 - beta2) * g * g;
            *w -= rate * *m / ((*v * root).sqrt() + EPSILON);
        }
        for (a, w) in average.iter_mut().flatten().zip(&weights) {
            *a = memory * *a + (1.0 - memory) * w;
        }
    });
    let vector = |v: Vec<f32>| {
        let count = v.len();
        tensor(v, [count], &device)
    };
    let state = AdamState {
        weights: vector(weights),
        first: vector(first),
        second: vector(second),
        average: average.map(vector),
    };
    Some((state, vector(vec![length])))
}
