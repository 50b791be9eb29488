//! Noise schedules: how clean data become noise.
//!
//! Invariant: the signal's share never grows with the level, and level 0 is clean data (in DDAEBM's and the
//! variance-exploding schedules up to noise of a hundredth of the data's deviation).

use crate::settings::{Key, Settings};

/// Least and largest rate of the VP schedules: the image models' full one, and the weak one of the
/// released code for the plane (arXiv 2403.01666).
const FULL_VP: [f64; 2] = [0.1, 20.0];
const WEAK_VP: [f64; 2] = [0.01, 0.1];

/// A discrete Gaussian diffusion, x_t = sqrt(abar_t) x_0 + sqrt(variance_t) eps. Variance-preserving ones have
/// variance_t = 1 - abar_t, variance-exploding ones abar_t = 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    beta: Vec<f64>,
    /// Squared share of the level before that the step into a level leaves.
    kept: Vec<f64>,
    abar: Vec<f64>,
    variance: Vec<f64>,
    /// Levels that have an energy; the noisiest may have none.
    modelled: usize,
}

/// The Gaussian of x_k given x_{k+1} and x_0: mean `clean x_0 + noisy x_{k+1}`, and its deviation
/// (DDPM's posterior; DDAEBM notes, 1.1).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Posterior {
    pub clean: f64,
    pub noisy: f64,
    pub deviation: f64,
}

impl Schedule {
    /// The schedule that the settings ask for: a single clean level for methods without one.
    pub fn from_settings(settings: &Settings) -> Self {
        let steps = settings.int(Key::Levels);
        let ramp = || {
            let (first, last) = (
                settings.float(Key::RampFirst),
                settings.float(Key::RampLast),
            );
            Self::cumulative_ramp(steps, first, last)
        };
        match settings.choice(Key::Method) {
            "da-ebm" => ramp(),
            "drl" => ramp().without_last(),
            "dcd" if !settings.on(Key::TimeInput) => Self::clean(),
            "dcd" | "ddaebm" => {
                let range = match settings.choice(Key::NoiseSchedule) {
                    "vp-weak" => WEAK_VP,
                    _ => FULL_VP,
                };
                Self::vp(steps, range).without_last()
            }
            _ => Self::clean(),
        }
    }

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

    /// `abar_i = exp(-s_i² (high - low) / 2 - s_i low)` at s_i = i/steps (1 - eps) + eps, eps = 1e-3
    /// (arXiv 2403.01666, released code).
    pub fn vp(steps: usize, [low, high]: [f64; 2]) -> Self {
        const FIRST: f64 = 1e-3;
        let abar = |i: usize| {
            let s = i as f64 / steps as f64 * (1.0 - FIRST) + FIRST;
            (-0.5 * s * s * (high - low) - s * low).exp()
        };
        let beta = (0..=steps).map(|i| match i {
            0 => 1.0 - abar(0),
            _ => 1.0 - abar(i) / abar(i - 1),
        });
        Self::from_betas(beta.collect())
    }

    /// The same levels with no energy at the noisiest: conditional models start from its noise.
    pub fn without_last(self) -> Self {
        Self {
            modelled: self.modelled - 1,
            ..self
        }
    }

    /// A single clean level: no diffusion.
    pub fn clean() -> Self {
        Self::from_betas(vec![0.0])
    }

    fn from_betas(beta: Vec<f64>) -> Self {
        let abar: Vec<f64> = beta
            .iter()
            .scan(1.0, |product, b| {
                *product *= 1.0 - b;
                Some(*product)
            })
            .collect();
        Self {
            modelled: beta.len(),
            kept: beta.iter().map(|b| 1.0 - b).collect(),
            beta,
            variance: abar.iter().map(|abar| 1.0 - abar).collect(),
            abar,
        }
    }

    /// Noise deviations from `least` to `most` at equal ratios, with nothing taken from the signal (Song &
    /// Ermon 2019, arXiv 1907.05600). The cleanest level has the least noise, not none.
    pub fn ve(levels: usize, least: f64, most: f64) -> Self {
        let ratio = (most / least).powf(1.0 / (levels.max(2) - 1) as f64);
        let deviation = |t: usize| least * ratio.powi(t as i32);
        let variance: Vec<f64> = (0..levels).map(|t| deviation(t).powi(2)).collect();
        let before = std::iter::once(0.0).chain(variance.iter().copied());
        Self {
            modelled: levels,
            beta: variance.iter().zip(before).map(|(v, u)| v - u).collect(),
            kept: vec![1.0; levels],
            abar: vec![1.0; levels],
            variance,
        }
    }

    /// Number of levels that have an energy, the clean one included.
    pub fn levels(&self) -> usize {
        self.modelled
    }

    /// Noise variance added by the step into level `t`; 0 for the clean level.
    pub fn beta(&self, t: usize) -> f64 {
        self.beta[t]
    }

    /// What the step into level `t` leaves of the level before.
    pub fn step_signal(&self, t: usize) -> f64 {
        self.kept[t].sqrt()
    }

    /// Noise variance, in units of level `t`, of the step from there to the next: b/(1 - b).
    pub fn noise_to_next(&self, t: usize) -> f64 {
        self.beta[t + 1] / self.kept[t + 1]
    }

    /// How x_t follows from x_{t+1} and x_0.
    pub fn posterior(&self, t: usize) -> Posterior {
        let (beta, rest) = (self.beta[t + 1], self.variance[t + 1]);
        Posterior {
            clean: beta * self.abar[t].sqrt() / rest,
            noisy: self.variance[t] * self.step_signal(t + 1) / rest,
            deviation: (beta * self.variance[t] / rest).sqrt(),
        }
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

    /// Deviation of the total noise at level `t`.
    pub fn noise(&self, t: usize) -> f64 {
        self.variance[t].sqrt()
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

    /// DDAEBM notes, table 1.3.
    #[test]
    fn vp_matches_the_published_tables() {
        let full = Schedule::vp(4, FULL_VP);
        let weak = Schedule::vp(4, WEAK_VP);
        let close = |a: f64, b: f64| assert!((a - b).abs() < 6e-6, "{a} against {b}");
        for (k, abar) in [0.99989, 0.52169, 0.07867, 0.00343, 4.3e-5]
            .into_iter()
            .enumerate()
        {
            close(full.abar[k], abar);
        }
        for (k, beta) in [1.1e-4, 0.47826, 0.84921, 0.95642, 0.98740]
            .into_iter()
            .enumerate()
        {
            close(full.beta(k), beta);
        }
        for (k, abar) in [0.99999, 0.99468, 0.98385, 0.96770, 0.94649]
            .into_iter()
            .enumerate()
        {
            close(weak.abar[k], abar);
        }
        for (k, beta) in [1.0e-5, 0.00531, 0.01088, 0.01642, 0.02192]
            .into_iter()
            .enumerate()
        {
            close(weak.beta(k), beta);
        }
        let parts = [
            (0.99983, 1.66e-4, 0.01048),
            (0.66574, 0.20160, 0.66398),
            (0.26918, 0.19300, 0.94032),
            (0.05782, 0.11185, 0.99200),
        ];
        for (k, (clean, noisy, deviation)) in parts.into_iter().enumerate() {
            let p = full.posterior(k);
            close(p.clean, clean);
            close(p.noisy, noisy);
            close(p.deviation, deviation);
        }
        let parts = [
            (0.99812, 0.00188, 0.00317),
            (0.67213, 0.32787, 0.05989),
            (0.50420, 0.49577, 0.09059),
            (0.40301, 0.59690, 0.11503),
        ];
        for (k, (clean, noisy, deviation)) in parts.into_iter().enumerate() {
            let p = weak.posterior(k);
            close(p.clean, clean);
            close(p.noisy, noisy);
            close(p.deviation, deviation);
        }
    }

    /// DDAEBM notes, 7.1: the posterior agrees with the marginals.
    #[test]
    fn posteriors_agree_with_the_marginals() {
        for schedule in [
            Schedule::vp(4, FULL_VP),
            Schedule::vp(8, WEAK_VP),
            Schedule::vp(1, FULL_VP),
            Schedule::cumulative_ramp(6, 0.05, 0.3),
            Schedule::ve(9, 0.01, 20.0),
        ] {
            for k in 0..schedule.beta.len() - 1 {
                let Posterior {
                    clean,
                    noisy,
                    deviation,
                } = schedule.posterior(k);
                let mean = clean + noisy * schedule.signal(k + 1);
                assert!((mean - schedule.signal(k)).abs() < 1e-12);
                let variance = (noisy * schedule.noise(k + 1)).powi(2) + deviation.powi(2);
                assert!((variance - schedule.noise(k).powi(2)).abs() < 1e-12);
                if k > 0 {
                    let expected = 1.0 / schedule.variance[k] + 1.0 / schedule.noise_to_next(k);
                    assert!((deviation.powi(-2) / expected - 1.0).abs() < 1e-9);
                }
            }
        }
    }

    #[test]
    fn conditional_models_have_no_energy_at_the_noisiest_level() {
        let mut settings = Settings::default();
        settings.set_text(Key::Method, "drl").unwrap();
        assert_eq!(Schedule::from_settings(&settings).levels(), 6);
        settings.set_text(Key::Method, "ddaebm").unwrap();
        let schedule = Schedule::from_settings(&settings);
        assert_eq!((schedule.levels(), schedule.beta.len()), (6, 7));
        settings.set_text(Key::Method, "dcd").unwrap();
        assert_eq!(Schedule::from_settings(&settings).levels(), 1);
        settings.set_text(Key::TimeInput, "on").unwrap();
        assert_eq!(Schedule::from_settings(&settings).levels(), 6);
    }

    /// What a levelled DCD goes by: noise of variance b/(1-b) and the step's signal lead from each level
    /// to the next.
    #[test]
    fn each_level_diffuses_into_the_next() {
        let s = Schedule::vp(5, FULL_VP).without_last();
        for t in 0..s.levels() {
            let tau = s.noise_to_next(t);
            let signal = s.step_signal(t + 1);
            assert!((signal * s.signal(t) - s.signal(t + 1)).abs() < 1e-12);
            let variance = signal.powi(2) * (s.noise(t).powi(2) + tau);
            assert!((variance - s.noise(t + 1).powi(2)).abs() < 1e-12);
        }
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
