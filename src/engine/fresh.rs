//! Samples drawn after training, from noise, by the trained model's own sampler.
//!
//! Invariant: sampling reads the run and never changes it.

use super::report::at_clean_level;
use super::train2d::{Train2d, TrainError, kernel};
use super::{Reading, read};
use crate::energy::membership_of;
use crate::rng::{Draws, Stream};
use crate::sampler::{Jump, JumpKind, Labelled, Noise, mixture_transition};
use crate::settings::Key;
use burn::tensor::{Device, Int, Tensor, TensorData};

/// Samples and how long they took to come.
pub struct FreshSamples {
    pub points: Vec<[f32; 2]>,
    /// Transitions of K steps that the chains made.
    pub transitions: u64,
}

/// `n` chains from N(0, I) at the noisiest level. Each gives its place at its `visits`-th visit to
/// t = 0 (arXiv 2304.10707, released code, which takes 50). A model without levels gives the
/// places after as many transitions. Stops at `limit` transitions with the chains that are done.
///
/// # Errors
/// If the device fails to give back results.
pub async fn fresh_samples(
    run: &Train2d,
    n: usize,
    visits: u64,
    limit: u64,
) -> Result<FreshSamples, TrainError> {
    let device = &run.device;
    let levels = run.schedule.levels();
    let seed = run.settings.int(Key::Seed) as u64;
    let model = run.model();
    let steps = run.steps.clone();
    let start = Draws::new(seed, Stream::EvaluationStart, 0).normals(2 * n);
    let mut chains = Labelled {
        x: Tensor::from_data(TensorData::new(start, [n, 2]), device),
        member: membership_of(levels - 1, levels, n, device),
    };
    let jump_kind = if levels > 1 {
        JumpKind::Global
    } else {
        JumpKind::Stay
    };
    let mut points = Vec::with_capacity(n);
    // Visits of each chain still moving: one that has given its sample is dropped.
    let mut seen = vec![0u64; n];
    let mut transitions = 0;
    while transitions < limit {
        let (k, n) = (run.settings.int(Key::Steps), seen.len());
        let streams = [Stream::Evaluation, Stream::EvaluationAccept];
        let noise = Noise::draw(seed, streams, transitions, [k, n], device);
        let draws = Draws::new(seed, Stream::EvaluationLabel, transitions);
        let jump = Jump::draw(jump_kind, &draws, [n, levels], device);
        chains =
            mixture_transition(&model, kernel(&run.settings), chains, &steps, &noise, &jump).chains;
        transitions += 1;
        let values = read(vec![
            Reading::from(chains.x.clone()),
            chains.member.clone().into(),
        ])
        .await?;
        let mut moving = Vec::with_capacity(n);
        for i in 0..n {
            let here = at_clean_level(
                &values[0][2 * i..2 * i + 2],
                &values[1][levels * i..levels * (i + 1)],
                levels,
            );
            seen[i] += here.len() as u64;
            match here.first() {
                Some(place) if seen[i] == visits => points.push(*place),
                _ => moving.push(i),
            }
        }
        if moving.is_empty() {
            break;
        }
        if moving.len() < n {
            seen = moving.iter().map(|&i| seen[i]).collect();
            chains = rows_of(&chains, &moving, device);
        }
    }
    Ok(FreshSamples {
        points,
        transitions,
    })
}

/// The chains at `rows`.
fn rows_of(chains: &Labelled, rows: &[usize], device: &Device) -> Labelled {
    let rows: Vec<i32> = rows.iter().map(|&row| row as i32).collect();
    let n = rows.len();
    let rows = Tensor::<1, Int>::from_data(TensorData::new(rows, [n]), device);
    Labelled {
        x: chains.x.clone().select(0, rows.clone()),
        member: chains.member.clone().select(0, rows),
    }
}
