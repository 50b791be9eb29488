//! Snapshots of a run: exact distances to the truth on a grid, and diagnostics of its chains.
//!
//! Invariant: a report changes nothing about the run but the counters that say "since the last
//! report"; it waits for the device three times.

use super::train2d::{Train2d, TrainError, rates};
use super::{Reading, read};
use crate::data::Density;
use crate::energy::{Energy, LevelEnergy, membership_of};
use crate::metric::{mmd, modes, truth2d};
use crate::objective::learning_rate;
use crate::protocol::Report;
use crate::rng::{Draws, Stream};
use crate::settings::Key;
use burn::tensor::{Device, Tensor, TensorData, activation};

/// Half the side of the square that metrics integrate over: a margin around the data, for mass
/// that a model puts where there is none.
pub const METRIC_HALF: f32 = 6.0;

/// Points compared by the maximum mean discrepancy and the energy gap.
const COMPARED: usize = 400;

/// Rows of one pass through the network; bounds the memory of a large grid.
const CHUNK: usize = 16_384;

/// The truth on the metric grid.
pub(super) struct Truth {
    pub grid: usize,
    /// `[grid²]` exact log density of clean data.
    pub log_density: Vec<f32>,
    /// `[grid²]` mode that each cell belongs to.
    pub mode: Vec<usize>,
    pub modes: usize,
}

impl Truth {
    pub fn new(density: &Density, grid: usize) -> Self {
        Self {
            grid,
            log_density: density.log_density_grid([0.0, 0.0], METRIC_HALF, grid, 1.0, 0.0),
            mode: density.mode_grid([0.0, 0.0], METRIC_HALF, grid),
            modes: density.modes().len(),
        }
    }

    pub fn cell_area(&self) -> f64 {
        (2.0 * f64::from(METRIC_HALF) / self.grid as f64).powi(2)
    }
}

/// Centres of the cells of a grid over `centre ± half`, x fastest, from the lowest y up.
pub(super) fn cells(centre: [f32; 2], half: f32, grid: usize) -> Vec<[f32; 2]> {
    let size = 2.0 * half / grid as f32;
    let at = |axis: usize, i: usize| centre[axis] - half + (i as f32 + 0.5) * size;
    (0..grid * grid)
        .map(|c| [at(0, c % grid), at(1, c / grid)])
        .collect()
}

/// `[n, 2]` of points.
pub(super) fn matrix(points: &[[f32; 2]], device: &Device) -> Tensor<2> {
    let n = points.len();
    Tensor::from_data(
        TensorData::new(points.as_flattened().to_vec(), [n, 2]),
        device,
    )
}

/// Energies at one level in passes of bounded size, `[n]`.
pub(super) fn energies(energy: &impl Energy, x: Tensor<2>) -> Tensor<1> {
    let [n, _] = x.dims();
    let parts = (0..n)
        .step_by(CHUNK)
        .map(|from| energy.energy(x.clone().slice([from..n.min(from + CHUNK), 0..2])))
        .collect();
    Tensor::cat(parts, 0)
}

/// Points whose chain sits at t = 0, from places `[n, 2]` and memberships `[n, levels]`.
pub(super) fn at_clean_level(x: &[f32], member: &[f32], levels: usize) -> Vec<[f32; 2]> {
    x.chunks_exact(2)
        .zip(member.chunks_exact(levels))
        .filter(|(_, m)| m[0] > 0.5)
        .map(|(p, _)| [p[0], p[1]])
        .collect()
}

/// Share of the points in each mode of the density.
pub fn mode_masses(density: &Density, points: &[[f32; 2]]) -> Vec<f32> {
    modes::masses(points, |x| density.mode_of(x), density.modes().len())
}

/// An even spread of at most `count` of the points.
pub(super) fn thinned(points: &[[f32; 2]], count: usize) -> Vec<[f32; 2]> {
    let n = points.len();
    if n <= count {
        return points.to_vec();
    }
    (0..count).map(|i| points[i * n / count]).collect()
}

impl Train2d {
    /// The log density of the model at t = 0 on the truth's grid, normalised there, with log Z.
    async fn model_on_grid(&self, truth: &Truth) -> Result<(Vec<f32>, f64), TrainError> {
        let x = matrix(&cells([0.0, 0.0], METRIC_HALF, truth.grid), &self.device);
        let model = self.model();
        let at = model.at(membership_of(0, model.levels(), 1, &self.device));
        let energy = read(vec![energies(&at, x).into()]).await?.remove(0);
        let log_z = truth2d::log_z(&energy, truth.cell_area());
        Ok((
            energy
                .iter()
                .map(|e| (-f64::from(*e) - log_z) as f32)
                .collect(),
            log_z,
        ))
    }

    /// The model's log density at t = 0 on a grid over ±`half`, normalised on the metrics' square.
    ///
    /// # Errors
    /// If the device fails to give back results.
    pub async fn log_density_on(&self, half: f32, grid: usize) -> Result<Vec<f32>, TrainError> {
        let (_, log_z) = self.model_on_grid(&self.truth).await?;
        let x = matrix(&cells([0.0, 0.0], half, grid), &self.device);
        let model = self.model();
        let at = model.at(membership_of(0, model.levels(), 1, &self.device));
        let energy = read(vec![energies(&at, x).into()]).await?.remove(0);
        let logs = energy.into_iter().map(|e| -e - log_z as f32);
        Ok(logs.collect())
    }

    /// Mass of each mode under the model at t = 0, and KL(truth ‖ model).
    pub(super) async fn model_against_truth(&self) -> Result<(Vec<f32>, f32), TrainError> {
        let (log_density, _) = self.model_on_grid(&self.truth).await?;
        let masses = truth2d::masses(&log_density, &self.truth.mode, self.truth.modes);
        let kl = truth2d::kl(&self.truth.log_density, &log_density);
        Ok((masses, kl as f32))
    }

    /// Mass of each mode among the persistent chains at t = 0. Where chains move between levels, each
    /// counts with its chance p(t = 0 | x) of standing there after a label move: the mean over that
    /// move of a count, and so with less noise than one count (Rao-Blackwell). `None` where no chains
    /// persist.
    ///
    /// # Errors
    /// If the device fails to give back results.
    pub async fn buffer_masses(&self) -> Result<Option<Vec<f32>>, TrainError> {
        let Some(buffer) = self.objective.buffer() else {
            return Ok(None);
        };
        let x = &buffer.chains.x;
        let [n, _] = x.dims();
        let model = self.model();
        let parts = (0..n).step_by(CHUNK).map(|from| {
            let energy = model.all_levels(x.clone().slice([from..n.min(from + CHUNK), 0..2]));
            activation::softmax(energy.neg(), 1).slice([0..n.min(from + CHUNK) - from, 0..1])
        });
        let chance = match self.settings.choice(Key::Method) {
            "da-ebm" => Tensor::cat(parts.collect(), 0),
            // Other methods' levels have normalisers of their own: their energies do not compare.
            _ => buffer.chains.member.clone().slice([0..n, 0..1]),
        };
        let values = read(vec![x.clone().into(), chance.into()]).await?;
        let mut masses = vec![0.0f64; self.density.modes().len()];
        for (p, chance) in values[0].chunks_exact(2).zip(&values[1]) {
            masses[self.density.mode_of([p[0], p[1]])] += f64::from(*chance);
        }
        let total: f64 = masses.iter().sum();
        Ok(Some(masses.iter().map(|m| (m / total) as f32).collect()))
    }

    /// A snapshot, on the settings' grid or a finer one.
    ///
    /// # Errors
    /// If the device fails to give back results.
    pub async fn report(&mut self, grid: Option<usize>) -> Result<Report, TrainError> {
        let finer = grid.map(|grid| Truth::new(&self.density, grid));
        let truth = finer.as_ref().unwrap_or(&self.truth);
        let (log_density, log_z) = self.model_on_grid(truth).await?;

        let levels = self.schedule.levels();
        let device = &self.device;
        let model = self.model();
        let clean = model.at(membership_of(0, levels, 1, device));
        let seed = self.settings.int(Key::Seed) as u64;
        let data = self.density.sample(
            COMPARED,
            &Draws::new(seed, Stream::Evaluation, self.iteration()),
        );
        let mut readings: Vec<Reading> = vec![
            clean.energy(matrix(&data, device)).into(),
            self.since_report.clone().into(),
            self.steps.clone().into(),
        ];
        let (has_gradient, has_losses) = (self.gradient.is_some(), !self.losses.is_empty());
        readings.extend(self.gradient.clone().map(Reading::from));
        if has_losses {
            readings.push(Tensor::cat(self.losses.clone(), 0).into());
        }
        let standing = self.standing_chains().cloned();
        if let Some(chains) = &standing {
            readings.push(chains.x.clone().into());
            readings.push(chains.member.clone().into());
        }
        let mut values = read(readings).await?.into_iter();
        let mut next = || values.next().unwrap_or_default();
        let data_energy = mean(&next());
        let acceptance = rates(&next());
        let step_size = next();
        let mut next_if = |there: bool| if there { next() } else { Vec::new() };
        let gradient = next_if(has_gradient).first().copied().unwrap_or(f32::NAN);
        let losses = next_if(has_losses);
        let (x, member) = (next(), next());
        let chains = at_clean_level(&x, &member, levels);
        let compared = thinned(&chains, COMPARED);
        let chain_energy = match compared.is_empty() {
            true => f32::NAN,
            false => {
                let energy = clean.energy(matrix(&compared, device));
                mean(&read(vec![energy.into()]).await?.remove(0))
            }
        };
        let report = Report {
            iteration: self.iteration(),
            seconds: self.seconds(),
            losses,
            gradient,
            learning_rate: learning_rate(&self.settings, self.iteration().saturating_sub(1)) as f32,
            energy_gap: chain_energy - data_energy,
            kl_truth_model: truth2d::kl(&truth.log_density, &log_density) as f32,
            kl_model_truth: truth2d::kl(&log_density, &truth.log_density) as f32,
            log_z: log_z as f32,
            mass_model: truth2d::masses(&log_density, &truth.mode, truth.modes),
            mass_chains: mode_masses(&self.density, &chains),
            acceptance,
            step_size,
            level_share: shares(&member, levels),
            mmd: mmd::squared_mmd(&compared, &data),
        };
        self.losses.clear();
        Ok(report)
    }
}

fn mean(values: &[f32]) -> f32 {
    (values.iter().map(|&v| f64::from(v)).sum::<f64>() / values.len() as f64) as f32
}

/// Share of the chains at each level, from memberships `[n, levels]`.
fn shares(member: &[f32], levels: usize) -> Vec<f32> {
    let n = (member.len() / levels).max(1) as f32;
    (0..levels)
        .map(|t| member.iter().skip(t).step_by(levels).sum::<f32>() / n)
        .collect()
}
