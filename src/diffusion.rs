//! Noise schedules: how clean data become noise.
//!
//! Invariant: level 0 is clean data, `abar[0] = 1`, and `abar` never increases with the level.

/// A variance-preserving discrete diffusion, x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) eps.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    beta: Vec<f64>,
    abar: Vec<f64>,
}

impl Schedule {
    /// The schedule that DA-EBM's code calls `sqrtcumlinear`: the noise deviation of step t is the
    /// running sum of a linear ramp, `beta_t = min(1, (sum_{s<=t} c_s)^2)` with
    /// `c = linspace(first, last, steps)` (arXiv 2304.10707, released code).
    pub fn cumulative_ramp(steps: usize, first: f64, last: f64) -> Self {
        let mut deviation = 0.0;
        let beta = std::iter::once(0.0)
            .chain((0..steps).map(|s| {
                let share = if steps > 1 {
                    s as f64 / (steps - 1) as f64
                } else {
                    0.0
                };
                deviation += first + (last - first) * share;
                (deviation * deviation).min(1.0)
            }))
            .collect();
        Self::from_betas(beta)
    }

    /// A single clean level: no diffusion.
    pub fn clean() -> Self {
        Self::from_betas(vec![0.0])
    }

    fn from_betas(beta: Vec<f64>) -> Self {
        let abar = beta
            .iter()
            .scan(1.0, |product, b| {
                *product *= 1.0 - b;
                Some(*product)
            })
            .collect();
        Self { beta, abar }
    }

    /// Number of levels, the clean one included.
    pub fn levels(&self) -> usize {
        self.beta.len()
    }

    /// Noise variance added by the step into level `t`; 0 for the clean level.
    pub fn beta(&self, t: usize) -> f64 {
        self.beta[t]
    }

    /// How much of x_0 is left at level `t`: sqrt(abar_t).
    pub fn signal(&self, t: usize) -> f64 {
        self.abar[t].sqrt()
    }

    /// Coordinates, row by row, of clean points diffused to the level given for each, with standard
    /// normal `noise` of two numbers a point.
    pub fn diffuse(&self, clean: &[[f32; 2]], labels: &[usize], noise: &[f32]) -> Vec<f32> {
        let coordinates = clean.as_flattened().iter().zip(noise).enumerate();
        coordinates
            .map(|(i, (x, z))| {
                let t = labels[i / 2];
                self.signal(t) as f32 * x + self.noise(t) as f32 * z
            })
            .collect()
    }

    /// Deviation of the total noise at level `t`: sqrt(1 - abar_t).
    pub fn noise(&self, t: usize) -> f64 {
        (1.0 - self.abar[t]).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The figures computed for the 2D schedule of the released code, T = 6, (0.01, 0.3).
    #[test]
    fn cumulative_ramp_matches_the_published_2d_schedule() {
        let s = Schedule::cumulative_ramp(6, 0.01, 0.3);
        let step = [0.0, 0.010, 0.078, 0.204, 0.388, 0.630, 0.930];
        let signal = [1.0, 1.000, 0.997, 0.976, 0.899, 0.698, 0.257];
        let noise = [0.0, 0.010, 0.079, 0.218, 0.437, 0.716, 0.966];
        assert_eq!(s.levels(), 7);
        for t in 0..7 {
            assert!((s.beta(t).sqrt() - step[t]).abs() < 6e-4, "step {t}");
            assert!((s.signal(t) - signal[t]).abs() < 6e-4, "signal {t}");
            assert!((s.noise(t) - noise[t]).abs() < 6e-4, "noise {t}");
        }
    }

    #[test]
    fn the_playground_ramp_ends_in_pure_noise() {
        let s = Schedule::cumulative_ramp(6, 0.05, 0.3);
        assert_eq!(s.signal(6), 0.0);
        assert_eq!(s.noise(6), 1.0);
    }

    #[test]
    fn variance_is_preserved() {
        let s = Schedule::cumulative_ramp(10, 0.02, 0.2);
        for t in 0..s.levels() {
            assert!((s.signal(t).powi(2) + s.noise(t).powi(2) - 1.0).abs() < 1e-12);
        }
        assert_eq!(Schedule::clean().levels(), 1);
    }
}
