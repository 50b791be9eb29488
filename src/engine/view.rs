//! What a run shows: the scene that painters draw, and read-outs under the cursor.
//!
//! Invariant: drawing reads nothing back from the device.

use super::read;
use super::report::{METRIC_HALF, cells, energies, matrix};
use super::scene::{Picture, Scene};
use super::train2d::{Train2d, TrainError};
use crate::energy::{Energy, LevelEnergy, labels, membership_of};
use crate::metric::truth2d;
use crate::protocol::{Camera, Probe};
use crate::rng::{Draws, Stream};
use crate::settings::{EXTENT, Key};
use burn::tensor::{Tensor, TensorData};

/// Cells per side of the score arrows.
const ARROWS: usize = 22;

/// Samples of the truth drawn.
const POINTS: usize = 500;

/// What stays the same from frame to frame as long as camera and level do.
#[derive(Default)]
pub(super) struct ViewCache {
    plane: Option<Plane>,
    strip: Option<Strip>,
    /// The normalising constant last asked for: iteration, level and grid, and its logarithm.
    log_z: Option<((u64, usize, usize), f32)>,
}

/// Everything fixed by camera, level and grid.
struct Plane {
    key: (Camera, usize, usize),
    x: Tensor<2>,
    arrows: Tensor<2>,
    truth: Tensor<1>,
    points: Tensor<2>,
}

/// The small multiples, which need not be redrawn at every frame.
struct Strip {
    grid: usize,
    x: Tensor<2>,
    /// `[levels]` highest true density.
    peaks: Tensor<2>,
    /// `[levels, grid²]` energies and `[levels, 4]` ranges of the last refresh.
    energy: Tensor<2>,
    range: Tensor<2>,
}

impl Train2d {
    /// The level to show: the setting, as far as the run has levels.
    fn shown_level(&self) -> usize {
        self.settings
            .int(Key::Level)
            .min(self.schedule.levels() - 1)
    }

    /// The scene under `camera`. `refresh_strip` evaluates the small multiples anew.
    pub fn scene(&mut self, camera: &Camera, refresh_strip: bool) -> Scene {
        let (level, levels) = (self.shown_level(), self.schedule.levels());
        let grid = self.settings.int(Key::Grid);
        self.refresh_plane(camera, level, grid);
        self.refresh_strip(grid.div_ceil(2), refresh_strip);
        let (Some(plane), Some(strip)) = (&self.view.plane, &self.view.strip) else {
            unreachable!("both were made above");
        };
        let model = self.model();
        let at = model.at(membership_of(level, levels, 1, &self.device));
        let on = |key| self.settings.on(key);
        let chains = self.chains.as_ref().filter(|_| on(Key::ShowChains));
        Scene {
            level,
            levels,
            centre: camera.centre,
            half: camera.half,
            grid,
            energy: energies(&at, plane.x.clone()),
            truth: plane.truth.clone(),
            arrows: ARROWS,
            score: on(Key::ShowScores).then(|| at.energy_and_grad(plane.arrows.clone()).1.neg()),
            strip_grid: strip.grid,
            strip_half: EXTENT,
            strip: strip.energy.clone(),
            range: strip.range.clone(),
            data: on(Key::ShowData).then(|| plane.points.clone()),
            trails: self.trail.clone().filter(|_| chains.is_some()),
            trail_levels: chains.map(|c| labels(&c.member)),
            picture: match self.settings.choice(Key::Picture) {
                "energy" => Picture::Energy,
                "difference" => Picture::Difference,
                _ => Picture::Density,
            },
            contours: on(Key::ShowContours),
        }
    }

    fn refresh_plane(&mut self, camera: &Camera, level: usize, grid: usize) {
        // The canvas size does not change what is evaluated.
        let key = (
            Camera {
                width: 0,
                height: 0,
                ..*camera
            },
            level,
            grid,
        );
        if self.view.plane.as_ref().is_some_and(|p| p.key == key) {
            return;
        }
        let (signal, noise) = (self.schedule.signal(level), self.schedule.noise(level));
        let truth: Vec<f32> = self
            .density
            .log_density_grid(camera.centre, camera.half, grid, signal, noise)
            .into_iter()
            .map(f32::exp)
            .collect();
        let seed = self.settings.int(Key::Seed) as u64;
        let clean = self
            .density
            .sample(POINTS, &Draws::new(seed, Stream::Evaluation, u64::MAX));
        let z = Draws::new(seed, Stream::EvaluationStart, u64::MAX).normals(2 * POINTS);
        let points = self.schedule.diffuse(&clean, &[level; POINTS], &z);
        self.view.plane = Some(Plane {
            key,
            x: matrix(&cells(camera.centre, camera.half, grid), &self.device),
            arrows: matrix(&cells(camera.centre, camera.half, ARROWS), &self.device),
            truth: Tensor::from_data(truth.as_slice(), &self.device),
            points: Tensor::from_data(TensorData::new(points, [POINTS, 2]), &self.device),
        });
    }

    fn refresh_strip(&mut self, grid: usize, again: bool) {
        let levels = self.schedule.levels();
        if self.view.strip.as_ref().is_none_or(|s| s.grid != grid) {
            let peaks: Vec<f32> = (0..levels)
                .map(|t| {
                    let (signal, noise) = (self.schedule.signal(t), self.schedule.noise(t));
                    let truth =
                        self.density
                            .log_density_grid([0.0, 0.0], EXTENT, grid, signal, noise);
                    truth.into_iter().fold(f32::NEG_INFINITY, f32::max).exp()
                })
                .collect();
            let empty = || Tensor::zeros([levels, 1], &self.device);
            self.view.strip = Some(Strip {
                grid,
                x: matrix(&cells([0.0, 0.0], EXTENT, grid), &self.device),
                peaks: Tensor::from_data(TensorData::new(peaks, [levels, 1]), &self.device),
                energy: empty(),
                range: empty(),
            });
        } else if !again {
            return;
        }
        let model = self.model();
        let Some(strip) = &mut self.view.strip else {
            unreachable!("made above")
        };
        let energy = model.all_levels(strip.x.clone()).transpose();
        let area = (2.0 * EXTENT / grid as f32).powi(2);
        let low = energy.clone().min_dim(1);
        let high = energy.clone().max_dim(1);
        let sum = (low.clone() - energy.clone()).exp().sum_dim(1);
        let log_z = sum.log() + area.ln() - low.clone();
        strip.range = Tensor::cat(vec![low, high, log_z, strip.peaks.clone()], 1);
        strip.energy = energy;
    }

    /// Log of the normalising constant at a level, on the metrics' grid; computed once an iteration,
    /// however often it is asked for.
    async fn log_z(&mut self, level: usize, at: &impl Energy) -> Result<f32, TrainError> {
        let key = (self.iteration(), level, self.truth.grid);
        if let Some((_, log_z)) = self.view.log_z.filter(|(of, _)| *of == key) {
            return Ok(log_z);
        }
        let x = matrix(&cells([0.0, 0.0], METRIC_HALF, key.2), &self.device);
        let energy = read(vec![energies(at, x).into()]).await?.remove(0);
        let log_z = truth2d::log_z(&energy, self.truth.cell_area()) as f32;
        self.view.log_z = Some((key, log_z));
        Ok(log_z)
    }

    /// Energy and densities at a point, at the level shown, normalised like the metrics.
    ///
    /// # Errors
    /// If the device fails to give back results.
    pub async fn probe(&mut self, at: [f32; 2]) -> Result<Probe, TrainError> {
        let (level, levels) = (self.shown_level(), self.schedule.levels());
        let model = self.model();
        let here = model.at(membership_of(level, levels, 1, &self.device));
        let energy = here.energy(matrix(&[at], &self.device));
        let energy = read(vec![energy.into()]).await?[0][0];
        let log_z = self.log_z(level, &here).await?;
        let truth = self.density.log_density(
            at.map(f64::from),
            self.schedule.signal(level),
            self.schedule.noise(level),
        );
        Ok(Probe {
            at,
            level: level as u32,
            energy,
            density: (-energy - log_z).exp(),
            truth: libm::exp(truth) as f32,
        })
    }
}
