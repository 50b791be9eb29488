//! The data sets that are mixtures of Gaussians, as lists of parts.
//!
//! Invariant: a shape given by noise around a curve is a mixture fine enough (neighbours about a
//! deviation apart at width 1) to look smooth, and sampler and density see the same parts.
//! `width` scales the noise, never the curve. Sines and exponentials come from `libm`, so the
//! parts have the same bits on every machine.

use super::mixture::Gaussian;
use std::f64::consts::{PI, TAU};

/// Parts and the names of their modes.
pub type Shape = (Vec<Gaussian>, Vec<String>);

/// Eight Gaussians of equal weight and deviation 0.2 on a circle of radius 3.
pub fn eight_gaussians(width: f64) -> Shape {
    (0..8)
        .map(|k| {
            let mean = polar(3.0, TAU * k as f64 / 8.0);
            let part = Gaussian::round(1.0, mean, 0.2 * width, k);
            (part, format!("{}°", 45 * k))
        })
        .unzip()
}

/// Twenty-five Gaussians of equal weight and deviation 0.2 on the grid {-4, -2, 0, 2, 4}².
pub fn twenty_five_gaussians(width: f64) -> Shape {
    lattice(&[1.0; 25], 2.0, 0.2 * width)
}

/// Nine Gaussians of deviation 0.3 on the grid {-3, 0, 3}², their weights 1/45 to 9/45 in the
/// order of the Lo Shu magic square, which puts the mean at the origin.
pub fn weighted_grid(width: f64) -> Shape {
    let weights = [2.0, 7.0, 6.0, 9.0, 5.0, 1.0, 4.0, 3.0, 8.0];
    lattice(&weights, 3.0, 0.3 * width)
}

/// Two interleaved half circles (scikit-learn's `make_moons`), centred, 2.4 times as large, with
/// noise of deviation 0.2.
pub fn two_moons(width: f64) -> Shape {
    let moon = |mode: usize| {
        let sign = if mode == 0 { 1.0 } else { -1.0 };
        steps(64).map(move |u| {
            let [x, y] = polar(1.0, PI * u);
            let mean = [x - 0.5, y - 0.25].map(|v| 2.4 * sign * v);
            Gaussian::round(1.0, mean, 0.2 * width, mode)
        })
    };
    let names = ["upper", "lower"].map(String::from);
    ((0..2).flat_map(moon).collect(), names.into())
}

/// Five bent arms: distance `r ~ Normal(1, 0.3²)` at the angle `2πk/5 + exp(r)/4` (Johnson et al.,
/// "Composing graphical models with neural networks", 2016, arXiv 1603.06277), 2.2 times as large,
/// with round noise of deviation 0.15 in place of the paper's tangential noise.
pub fn pinwheel(width: f64) -> Shape {
    let arm = |mode: usize| {
        bell(64, 3.0).map(move |(z, weight)| {
            let r = 1.0 + 0.3 * z;
            let angle = TAU * mode as f64 / 5.0 + 0.25 * libm::exp(r);
            Gaussian::round(weight, polar(2.2 * r, angle), 0.15 * width, mode)
        })
    };
    let names = (1..=5).map(|k| format!("arm {k}")).collect();
    ((0..5).flat_map(arm).collect(), names)
}

/// The spiral `0.3 t (cos t, sin t)` with t uniform on 3π/2 .. 9π/2 (scikit-learn's
/// `make_swiss_roll` seen along its axis), with noise of deviation 0.15. Its modes are thirds of
/// the parameter.
pub fn swiss_roll(width: f64) -> Shape {
    let parts = steps(256).map(|u| {
        let t = 1.5 * PI * (1.0 + 2.0 * u);
        Gaussian::round(1.0, polar(0.3 * t, t), 0.15 * width, third(u))
    });
    let names = ["inner", "middle", "outer"].map(String::from);
    (parts.collect(), names.into())
}

/// Two spirals of one and a half turns out to radius 4, uniform in arc length but for the centre
/// (the `2spirals` of FFJORD, arXiv 1810.01367), with noise of deviation 0.12.
pub fn two_spirals(width: f64) -> Shape {
    let spiral = |mode: usize| {
        steps(192).map(move |u| {
            let turn = u.sqrt();
            let angle = 3.0 * PI * turn + PI * mode as f64;
            Gaussian::round(1.0, polar(4.0 * turn, angle), 0.12 * width, mode)
        })
    };
    let names = ["first", "second"].map(String::from);
    ((0..2).flat_map(spiral).collect(), names.into())
}

/// The parabola `y = 0.35 x² - 1.5` with `x ~ Normal(0, 1.3²)` and noise of deviation 0.25. Its
/// modes are the two tips and the bend between them, a third of the curve's x range each.
pub fn banana(width: f64) -> Shape {
    let parts = bell(192, 3.0).map(|(z, weight)| {
        let x = 1.3 * z;
        let mean = [x, 0.35 * x * x - 1.5];
        Gaussian::round(weight, mean, 0.25 * width, third((z + 3.0) / 6.0))
    });
    let names = ["left tip", "bend", "right tip"].map(String::from);
    (parts.collect(), names.into())
}

/// A funnel in the manner of Neal ("Slice sampling", 2003): `x ~ Normal(0, 1.35²)` and
/// `y | x ~ Normal(0, (0.4 exp(x / 3))²)`, in slices of deviation 0.1. Its modes are thirds of x.
pub fn funnel(width: f64) -> Shape {
    let parts = bell(128, 3.0).map(|(z, weight)| {
        let x = 1.35 * z;
        let deviation = 0.4 * width * libm::exp(x / 3.0);
        Gaussian {
            weight,
            mean: [x, 0.0],
            covariance: [0.01, 0.0, deviation * deviation],
            mode: third((z + 3.0) / 6.0),
        }
    });
    let names = ["neck", "middle", "mouth"].map(String::from);
    (parts.collect(), names.into())
}

/// One Gaussian with mean (0.5, -0.5), deviations 1.2 and 0.8 and correlation 0.6.
pub fn gaussian(width: f64) -> Shape {
    let covariance = [1.44, 0.576, 0.64].map(|v| v * width * width);
    let part = Gaussian {
        weight: 1.0,
        mean: [0.5, -0.5],
        covariance,
        mode: 0,
    };
    (vec![part], vec!["all".into()])
}

/// A Gaussian of deviation `bandwidth` on each of the visitor's points.
pub fn kernels(points: &[[f32; 2]], bandwidth: f64) -> Shape {
    let parts = points
        .iter()
        .map(|point| Gaussian::round(1.0, point.map(f64::from), bandwidth, 0));
    (parts.collect(), vec!["all".into()])
}

/// Round Gaussians on a square lattice around the origin, one mode each, x fastest.
fn lattice(weights: &[f64], spacing: f64, deviation: f64) -> Shape {
    let side = weights.len().isqrt();
    let place = |index: usize| spacing * (index as f64 - (side - 1) as f64 / 2.0);
    weights
        .iter()
        .enumerate()
        .map(|(k, &weight)| {
            let [x, y] = [place(k % side), place(k / side)];
            let part = Gaussian::round(weight, [x, y], deviation, k);
            (part, format!("({x}, {y})"))
        })
        .unzip()
}

fn polar(radius: f64, angle: f64) -> [f64; 2] {
    [radius * libm::cos(angle), radius * libm::sin(angle)]
}

/// Middles of `count` equal parts of 0..1.
fn steps(count: usize) -> impl Iterator<Item = f64> {
    (0..count).map(move |i| (i as f64 + 0.5) / count as f64)
}

/// Evenly spaced z in ±`limit` and their weights, `exp(-z²/2)`.
fn bell(count: usize, limit: f64) -> impl Iterator<Item = (f64, f64)> {
    steps(count).map(move |u| {
        let z = limit * (2.0 * u - 1.0);
        (z, libm::exp(-0.5 * z * z))
    })
}

/// Which third of 0..1 holds `u`.
fn third(u: f64) -> usize {
    ((3.0 * u) as usize).min(2)
}
