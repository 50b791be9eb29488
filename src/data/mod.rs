//! Data sets of the plane with exact sampling and exact density.
//!
//! Invariant: a data set's samples and its log density are of the same distribution, clean and
//! diffused, and both are normalised; the tests below hold every data set to it. Sampling uses
//! `libm` for the same bits natively and in WebAssembly.

mod bessel;
mod board;
#[cfg(feature = "compute")]
pub mod export;
#[cfg(feature = "cli")]
pub mod files;
pub mod images;
pub mod made;
mod mixture;
pub mod resample;
mod rings;
mod shapes;

use crate::rng::Draws;
use crate::settings::{Key, Settings};
use mixture::Mixture;
use rings::Rings;

/// Cells per axis of the grid on which a mixture's mode masses are integrated.
const MASS_GRID: usize = 192;

/// A distribution in the plane, within ±[`crate::settings::EXTENT`] but for thin tails.
#[derive(Clone, Debug)]
pub struct Density {
    shape: Shape,
    modes: Vec<(String, f32)>,
}

#[derive(Clone, Debug)]
enum Shape {
    Mixture(Mixture),
    Rings(Rings),
    Board,
}

impl Density {
    /// The data set that the settings ask for: its name, the width of its noise, and for `points`
    /// the points and the bandwidth of their kernels. `checkerboard` and `points` have no noise
    /// that the width could scale.
    ///
    /// # Errors
    /// Says in words that `points` has no points, or that there is no such data set.
    pub fn from_settings(settings: &Settings) -> Result<Self, String> {
        let width = settings.float(Key::DataWidth);
        let name = settings.choice(Key::Dataset);
        let (parts, names) = match name {
            "four-rings" => return Ok(Self::rings(Rings::new(0.1 * width))),
            "checkerboard" => return Ok(Self::board()),
            "8-gaussians" => shapes::eight_gaussians(width),
            "25-gaussians" => shapes::twenty_five_gaussians(width),
            "weighted-grid" => shapes::weighted_grid(width),
            "two-moons" => shapes::two_moons(width),
            "pinwheel" => shapes::pinwheel(width),
            "swiss-roll" => shapes::swiss_roll(width),
            "two-spirals" => shapes::two_spirals(width),
            "banana" => shapes::banana(width),
            "funnel" => shapes::funnel(width),
            "gaussian" => shapes::gaussian(width),
            "points" if settings.points.is_empty() => {
                return Err("The data set has no points yet: draw, paste or drop some.".into());
            }
            "points" => shapes::kernels(&settings.points, settings.float(Key::Bandwidth)),
            other => return Err(format!("There is no data set called {other:?}.")),
        };
        Ok(Self::mixture(Mixture::new(parts), names))
    }

    fn rings(rings: Rings) -> Self {
        let named = |(k, mass)| (format!("ring {}", k + 1), mass);
        let modes = rings.masses().into_iter().enumerate().map(named).collect();
        Self {
            shape: Shape::Rings(rings),
            modes,
        }
    }

    fn board() -> Self {
        let named = |square| {
            let [x, y] = board::centre(square);
            (format!("({x}, {y})"), 1.0 / board::SQUARES as f32)
        };
        Self {
            shape: Shape::Board,
            modes: (0..board::SQUARES).map(named).collect(),
        }
    }

    fn mixture(mixture: Mixture, names: Vec<String>) -> Self {
        let masses = region_masses(&mixture, names.len());
        Self {
            shape: Shape::Mixture(mixture),
            modes: names.into_iter().zip(masses).collect(),
        }
    }

    /// `n` independent exact samples `[x, y]` of the clean data. Sample i is a function of `draws`
    /// and i alone: a longer list begins with the shorter one.
    pub fn sample(&self, n: usize, draws: &Draws) -> Vec<[f32; 2]> {
        (0..n as u32)
            .map(|index| match &self.shape {
                Shape::Mixture(mixture) => mixture.sample(index, draws),
                Shape::Rings(rings) => rings.sample(index, draws),
                Shape::Board => board::sample(index, draws),
            })
            .collect()
    }

    /// Variance of the finest mode along its thinnest direction: of a ring's noise, of a mixture's
    /// narrowest part, of one side of a board's square.
    pub fn finest_variance(&self) -> f64 {
        match &self.shape {
            Shape::Mixture(mixture) => mixture.finest_variance(),
            Shape::Rings(rings) => rings.variance(),
            Shape::Board => board::variance(),
        }
    }

    /// Exact log density at `x`, in nats, of `signal x_0 + noise eps` with x_0 of the data and eps
    /// standard normal; `signal = 1, noise = 0` is the clean data. At most one of the two may be 0.
    /// It is -∞ where there is no density (`checkerboard`).
    pub fn log_density(&self, x: [f64; 2], signal: f64, noise: f64) -> f64 {
        match &self.shape {
            Shape::Mixture(mixture) => mixture.log_density(x, signal, noise),
            Shape::Rings(rings) => rings.log_density(x, signal, noise),
            Shape::Board => board::log_density(x, signal, noise),
        }
    }

    /// [`Density::log_density`] at the `grid²` cell centres of the square `centre ± half`: x
    /// fastest, from the lowest y up, as `engine::scene` lays out its grids.
    pub fn log_density_grid(
        &self,
        centre: [f32; 2],
        half: f32,
        grid: usize,
        signal: f64,
        noise: f64,
    ) -> Vec<f32> {
        let [xs, ys] = axes(centre, half, grid);
        match &self.shape {
            Shape::Mixture(mixture) => mixture.log_density_grid(&xs, &ys, signal, noise),
            Shape::Rings(rings) => rings.log_density_grid(&xs, &ys, signal, noise),
            Shape::Board => board::log_density_grid(&xs, &ys, signal, noise),
        }
    }

    /// Whether `x` lies within 4 deviations of a mode: of a ring's radius, of the centre of one of a
    /// mixture's parts; inside a square of the board.
    pub fn covers(&self, x: [f32; 2]) -> bool {
        let x = x.map(f64::from);
        match &self.shape {
            Shape::Mixture(mixture) => mixture.covers(x),
            Shape::Rings(rings) => rings.covers(x),
            Shape::Board => board::log_density(x, 1.0, 0.0).is_finite(),
        }
    }

    /// Name and true mass of each mode: the clean data's probability of the region that
    /// [`Density::mode_of`] gives it.
    pub fn modes(&self) -> Vec<(String, f32)> {
        self.modes.clone()
    }

    /// Index into [`Density::modes`] of the mode that `x` belongs to: the nearest ring or square,
    /// or the mode of the mixture's part most likely to have produced `x`. Every point has one.
    pub fn mode_of(&self, x: [f32; 2]) -> usize {
        let x = x.map(f64::from);
        match &self.shape {
            Shape::Mixture(mixture) => mixture.mode_of(x),
            Shape::Rings(rings) => rings.mode_of(x),
            Shape::Board => board::mode_of(x),
        }
    }

    /// [`Density::mode_of`] at the cells of [`Density::log_density_grid`].
    pub fn mode_grid(&self, centre: [f32; 2], half: f32, grid: usize) -> Vec<usize> {
        let [xs, ys] = axes(centre, half, grid);
        cells(&xs, &ys)
            .map(|x| self.mode_of(x.map(|v| v as f32)))
            .collect()
    }
}

/// Cell centres of a square along x and y.
fn axes(centre: [f32; 2], half: f32, grid: usize) -> [Vec<f64>; 2] {
    let half = f64::from(half);
    centre.map(|middle| axis([f64::from(middle) - half, f64::from(middle) + half], grid))
}

/// Middles of `grid` equal parts of an interval.
fn axis([low, high]: [f64; 2], grid: usize) -> Vec<f64> {
    (0..grid)
        .map(|i| low + (i as f64 + 0.5) * (high - low) / grid as f64)
        .collect()
}

fn cells(xs: &[f64], ys: &[f64]) -> impl Iterator<Item = [f64; 2]> {
    ys.iter()
        .flat_map(move |&y| xs.iter().map(move |&x| [x, y]))
}

/// Mass of each mode's region, by the midpoint rule. The regions of overlapping modes have no
/// closed form, and only a sum over the same regions is comparable with a model's.
fn region_masses(mixture: &Mixture, modes: usize) -> Vec<f32> {
    if modes == 1 {
        return vec![1.0];
    }
    let [xs, ys] = mixture.bounds().map(|ends| axis(ends, MASS_GRID));
    let logs = mixture.log_density_grid(&xs, &ys, 1.0, 0.0);
    let mut masses = vec![0.0; modes];
    for (x, log) in cells(&xs, &ys).zip(logs) {
        let density = f64::from(log).exp();
        // Finding a mode costs far more than the mass of an all but empty cell is worth.
        if density > 1e-8 {
            masses[mixture.mode_of(x)] += density;
        }
    }
    let total: f64 = masses.iter().sum();
    masses.iter().map(|mass| (mass / total) as f32).collect()
}

#[cfg(test)]
mod tests;
