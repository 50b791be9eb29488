//! Samples drawn after training, from noise, by the trained model's own sampler.
//!
//! Invariant: sampling reads the run and never changes it.

use super::report::at_clean_level;
use super::train2d::{Train2d, TrainError, kernel};
use super::way::{Way, exchange_round};
use super::{Reading, read};
use crate::energy::membership_of;
use crate::rng::{Draws, Stream};
use crate::sampler::{Jump, JumpKind, Labelled, Noise, mixture_transition};
use crate::settings::Key;
use burn::tensor::{Device, Int, Tensor, TensorData};

/// Samples and how long they took to come.
pub struct FreshSamples {
    pub points: Vec<[f32; 2]>,
    /// Transitions of K steps that the chains made; 1 for ways that end by themselves.
    pub transitions: u64,
}

/// Samples taken from each ladder of chains that exchange levels.
const PER_LADDER: usize = 20;

/// `n` samples from N(0, I) at the noisiest level, by the way that the settings ask for. Chains give
/// their place at their `visits`-th visit to t = 0 (DA-EBM, arXiv 2304.10707, released code, which
/// takes 50); on a single level, after as many transitions. Stops at `limit` transitions with the
/// chains that are done.
///
/// # Errors
/// If the device fails to give back results.
pub async fn fresh_samples(
    run: &Train2d,
    n: usize,
    visits: u64,
    limit: u64,
) -> Result<FreshSamples, TrainError> {
    match Way::of(&run.settings) {
        way if way.ends() => {
            let x = read(vec![run.drawn(way, n, 0, None).into()])
                .await?
                .remove(0);
            Ok(FreshSamples {
                points: x.chunks_exact(2).map(|p| [p[0], p[1]]).collect(),
                transitions: 1,
            })
        }
        Way::Exchange => by_exchange(run, n, visits, limit).await,
        _ => by_visits(run, n, visits, limit).await,
    }
}

async fn by_visits(
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
        let noise = Noise::draw(seed, streams, transitions, [k, n, 2], device);
        let draws = Draws::new(seed, Stream::EvaluationLabel, transitions);
        let jump = Jump::draw(jump_kind, &draws, n, device);
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

/// After `visits` exchanges, each ladder gives its clean chain's place at every further one.
async fn by_exchange(
    run: &Train2d,
    n: usize,
    visits: u64,
    limit: u64,
) -> Result<FreshSamples, TrainError> {
    let levels = run.schedule.levels();
    let ladders = n.div_ceil(PER_LADDER);
    let mut labels: Vec<usize> = (0..ladders * levels).map(|i| i % levels).collect();
    let count = labels.len();
    let seed = run.settings.int(Key::Seed) as u64;
    let start = Draws::new(seed, Stream::EvaluationStart, 0).normals(2 * count);
    let mut x = Tensor::from_data(TensorData::new(start, [count, 2]), &run.device);
    let (steps, model, kernel) = (run.tuned_steps(), run.model(), kernel(&run.settings));
    let k = run.settings.int(Key::Steps);
    let mut points = Vec::with_capacity(n);
    let mut transitions = 0;
    while points.len() < n && transitions < limit {
        let streams = [Stream::Evaluation, Stream::EvaluationAccept];
        let noise = Noise::draw(seed, streams, transitions, [k, count, 2], &run.device);
        let draws = Draws::new(seed, Stream::EvaluationLabel, transitions);
        let by = (&noise, &draws, transitions);
        let moved = exchange_round(&model, kernel, x, &mut labels, &steps, by).await?;
        x = moved.chains.x;
        transitions += 1;
        if transitions > visits {
            let places = read(vec![x.clone().into()]).await?.remove(0);
            let clean = places.chunks_exact(2).zip(&labels);
            points.extend(clean.filter(|(_, t)| **t == 0).map(|(p, _)| [p[0], p[1]]));
        }
    }
    points.truncate(n);
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
