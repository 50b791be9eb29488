//! Scores of images under an energy: how unlike the training images each is.
//!
//! Invariant: scores are higher the more outlying, and an image's scores depend on that image alone, not on
//! the others that are scored with it.

use super::{Reading, TrainError, read};
use crate::diffusion::Schedule;
use crate::energy::{Energy, LevelEnergy, membership_of_labels};
use crate::rng::{Draws, Stream};
use burn::tensor::{Tensor, TensorData};

/// Levels of a profile, and Langevin steps after which the energy is read again.
const PROFILE: usize = 12;
const DROP_STEPS: usize = 10;

/// Largest noise of a profile: beyond it little of the image is left.
const MOST_NOISE: f64 = 2.6;

/// What the energy says of some images.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Readings {
    /// E(x, 0) of each image.
    pub energy: Vec<f32>,
    /// Mean of E(x, t) over the profile's levels.
    pub mean_energy: Vec<f32>,
    /// |∂E/∂x| at level 0.
    pub gradient: Vec<f32>,
    /// log |∂E/∂x| at each level of the profile, image by image: the norms of the score at many noise
    /// levels (Mahmood, Oliva & Styner 2021, "Multiscale score matching for out-of-distribution detection").
    pub profile: Vec<f32>,
    /// What the energy loses in some Langevin steps at level 0.
    pub drop: Vec<f32>,
}

/// The levels whose gradients make a profile: at most twelve, evenly from the cleanest on.
pub fn profile_levels(schedule: &Schedule) -> Vec<usize> {
    let levels = schedule.levels();
    let far =
        (0..levels).filter(|&t| schedule.noise(t) / schedule.signal(t).max(1e-9) <= MOST_NOISE);
    let last = far.max().unwrap_or(0);
    let count = PROFILE.min(last + 1);
    let mut chosen: Vec<usize> = (0..count).map(|i| i * last / (count - 1).max(1)).collect();
    chosen.dedup();
    chosen
}

/// Reads the energy at images `[n, d]`.
///
/// # Errors
/// If the device fails to answer.
pub async fn readings<M: LevelEnergy>(
    model: &M,
    schedule: &Schedule,
    x: &Tensor<2>,
) -> Result<Readings, TrainError> {
    let [n, _] = x.dims();
    let chosen = profile_levels(schedule);
    let (k, device) = (chosen.len(), x.device());
    // All levels of an image side by side: few images fill a tile too.
    let labels: Vec<usize> = chosen.iter().flat_map(|&t| vec![t; n]).collect();
    let signal: Vec<f32> = labels.iter().map(|&t| schedule.signal(t) as f32).collect();
    let signal = Tensor::<2>::from_data(TensorData::new(signal, [n * k, 1]), &device);
    let at = model.at(membership_of_labels(&labels, model.levels(), &device));
    let (energy, grad) = at.energy_and_grad(x.clone().repeat_dim(0, k) * signal);
    let norms = grad.powi_scalar(2).sum_dim(1).sqrt();
    let after = after_steps(model, schedule, x.clone());
    let found: Vec<Reading> = vec![energy.into(), norms.into(), after.into()];
    let found = read(found).await?;
    let (energy, norms, after) = (&found[0], &found[1], &found[2]);
    let of = |row: usize| (0..k).map(move |level| level * n + row);
    let mean = |row: usize| of(row).map(|i| energy[i]).sum::<f32>() / k as f32;
    Ok(Readings {
        energy: energy[..n].to_vec(),
        mean_energy: (0..n).map(mean).collect(),
        gradient: norms[..n].to_vec(),
        profile: (0..n)
            .flat_map(|row| of(row).map(|i| norms[i].max(1e-12).ln()))
            .collect(),
        drop: (0..n).map(|row| energy[row] - after[row]).collect(),
    })
}

/// Energies after some unadjusted Langevin steps at level 0, with the same noise for every image.
fn after_steps<M: LevelEnergy>(model: &M, schedule: &Schedule, mut x: Tensor<2>) -> Tensor<1> {
    let [_, d] = x.dims();
    let device = x.device();
    let at = model.at(membership_of_labels(&[0], model.levels(), &device));
    let step = 0.5 * schedule.noise(0).max(1e-2);
    for i in 0..DROP_STEPS {
        let z = Draws::new(0, Stream::Evaluation, i as u64).normals(d);
        let z = Tensor::<2>::from_data(TensorData::new(z, [1, d]), &device);
        let (_, grad) = at.energy_and_grad(x.clone());
        x = x - grad * (0.5 * step * step) + z * step;
    }
    at.energy(x)
}
