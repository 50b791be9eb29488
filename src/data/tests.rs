//! Every data set's sampler, density, modes and grid held against each other.

use super::*;
use crate::rng::Stream;
use crate::settings::{DATASETS, EXTENT, Value};

/// Clean data, and a level in the middle of the diffusion (signal² + noise² = 1).
const LEVELS: [[f64; 2]; 2] = [[1.0, 0.0], [0.953_939_2, 0.3]];

/// A square that holds all data sets at width 1, and its fine and coarse cells per side. The edges
/// of fine cells fall on those of the checkerboard's squares.
const HALF: f32 = 7.0;
const FINE: usize = 560;
const COARSE: usize = 28;

const SAMPLES: usize = 200_000;

fn settings(name: &str, width: f64) -> Settings {
    let mut settings = Settings::default();
    settings.set_text(Key::Dataset, name).unwrap();
    settings.set(Key::DataWidth, Value::Float(width));
    settings.points = vec![[1.0, 2.0], [-3.0, 0.5], [0.2, -2.0], [1.0, 2.1]];
    settings
}

fn density(name: &str) -> Density {
    Density::from_settings(&settings(name, 1.0)).unwrap()
}

fn fine_grid(density: &Density, [signal, noise]: [f64; 2]) -> Vec<f64> {
    density
        .log_density_grid([0.0; 2], HALF, FINE, signal, noise)
        .into_iter()
        .map(f64::from)
        .collect()
}

fn cell_area() -> f64 {
    (2.0 * f64::from(HALF) / FINE as f64).powi(2)
}

fn diffused_samples(density: &Density, [signal, noise]: [f64; 2]) -> Vec<[f32; 2]> {
    let noises = Draws::new(3, Stream::DataNoise, 0).normals(2 * SAMPLES);
    let clean = density.sample(SAMPLES, &Draws::new(2, Stream::Data, 0));
    clean
        .iter()
        .zip(noises.chunks_exact(2))
        .map(|(x, eps)| [0, 1].map(|i| signal as f32 * x[i] + noise as f32 * eps[i]))
        .collect()
}

/// Index of the coarse cell that holds a point of the square.
fn coarse_cell(x: [f64; 2]) -> Option<usize> {
    let [i, j] = x.map(|v| {
        ((v + f64::from(HALF)) / (2.0 * f64::from(HALF)) * COARSE as f64).floor() as isize
    });
    let inside = |i: isize| (0..COARSE as isize).contains(&i);
    (inside(i) && inside(j)).then(|| j as usize * COARSE + i as usize)
}

#[test]
fn densities_integrate_to_one() {
    for &name in DATASETS {
        let density = density(name);
        for level in LEVELS {
            let sum: f64 = fine_grid(&density, level).iter().map(|log| log.exp()).sum();
            let mass = sum * cell_area();
            // The midpoint rule and tails beyond the square.
            assert!((mass - 1.0).abs() < 1e-4, "{name} {level:?}: {mass}");
        }
    }
}

#[test]
fn widths_at_both_ends_integrate_to_one() {
    for &name in DATASETS {
        for (width, half) in [(0.25, HALF), (4.0, 4.0 * HALF)] {
            let density = Density::from_settings(&settings(name, width)).unwrap();
            for [signal, noise] in LEVELS {
                let logs = density.log_density_grid([0.0; 2], half, FINE, signal, noise);
                let sum: f64 = logs.iter().map(|&log| f64::from(log).exp()).sum();
                let mass = sum * (2.0 * f64::from(half) / FINE as f64).powi(2);
                // The pole of wide rings at the origin costs the midpoint rule its accuracy.
                assert!((mass - 1.0).abs() < 1e-3, "{name} {width} {noise}: {mass}");
            }
        }
    }
}

/// Pearson's chi-square over coarse cells, those with few samples pooled.
#[test]
fn samples_fill_cells_as_the_density_says() {
    for &name in DATASETS {
        let density = density(name);
        for level in LEVELS {
            let mut expected = vec![0.0; COARSE * COARSE];
            for (k, log) in fine_grid(&density, level).into_iter().enumerate() {
                let per = FINE / COARSE;
                expected[k / FINE / per * COARSE + k % FINE / per] +=
                    log.exp() * cell_area() * SAMPLES as f64;
            }
            let mut observed = vec![0.0; COARSE * COARSE];
            let mut outside = 0.0;
            for x in diffused_samples(&density, level) {
                match coarse_cell(x.map(f64::from)) {
                    Some(cell) => observed[cell] += 1.0,
                    None => outside += 1.0,
                }
            }
            let beyond = (SAMPLES as f64 - expected.iter().sum::<f64>()).max(0.0);
            let mut pool = [beyond, outside];
            let (mut chi, mut cells) = (0.0, 0);
            for (e, o) in expected.iter().zip(&observed) {
                if *e < 10.0 {
                    pool = [pool[0] + e, pool[1] + o];
                } else {
                    chi += (o - e) * (o - e) / e;
                    cells += 1;
                }
            }
            let pooled = (pool[1] - pool[0]).abs();
            assert!(
                pooled <= 4.0 * pool[0].sqrt() + 1.0,
                "{name} {level:?}: {pool:?}"
            );
            // Mean and variance of chi-square with `cells` degrees of freedom, the pool making
            // up the last cell.
            let z = (chi - f64::from(cells)) / f64::from(2 * cells).sqrt();
            assert!(
                z.abs() < 4.5,
                "{name} {level:?}: chi² = {chi} over {cells} cells"
            );
        }
    }
}

#[test]
fn samples_have_the_entropy_of_the_density() {
    for &name in DATASETS {
        let density = density(name);
        for level @ [signal, noise] in LEVELS {
            let entropy: f64 = fine_grid(&density, level)
                .iter()
                .filter(|log| log.is_finite())
                .map(|log| -log.exp() * log * cell_area())
                .sum();
            let surprises: Vec<f64> = diffused_samples(&density, level)
                .iter()
                .take(20_000)
                .map(|x| -density.log_density(x.map(f64::from), signal, noise))
                .collect();
            let n = surprises.len() as f64;
            let mean = surprises.iter().sum::<f64>() / n;
            let variance = surprises.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / n;
            // A uniform density has no variance; its mean is exact to the grid's rounding.
            let tolerance = 4.0 * (variance / n).sqrt() + 1e-5;
            assert!(
                (mean - entropy).abs() < tolerance,
                "{name} {level:?}: {mean} for {entropy}"
            );
        }
    }
}

#[test]
fn modes_have_the_masses_they_state() {
    for &name in DATASETS {
        for width in [1.0, 2.5] {
            let density = Density::from_settings(&settings(name, width)).unwrap();
            let modes = density.modes();
            let total: f32 = modes.iter().map(|(_, mass)| mass).sum();
            assert!((total - 1.0).abs() < 1e-5, "{name}: {total}");
            let mut counts = vec![0.0; modes.len()];
            for x in density.sample(SAMPLES, &Draws::new(4, Stream::Data, 1)) {
                counts[density.mode_of(x)] += 1.0 / SAMPLES as f64;
            }
            for ((mode, mass), share) in modes.iter().zip(counts) {
                let mass = f64::from(*mass);
                let se = (mass * (1.0 - mass) / SAMPLES as f64).sqrt();
                // The midpoint rule cuts cells at the regions' edges no finer than 1e-4.
                assert!(
                    (share - mass).abs() < 4.0 * se + 1e-4,
                    "{name} {width} {mode}: {share} for {mass}"
                );
            }
        }
    }
}

#[test]
fn grids_equal_points() {
    let (centre, half, grid) = ([0.7, -0.4], 5.5, 48);
    for &name in DATASETS {
        for width in [0.25, 1.0, 4.0] {
            let density = Density::from_settings(&settings(name, width)).unwrap();
            let modes = density.mode_grid(centre, half, grid);
            for [signal, noise] in [[1.0, 0.0], [0.999, 0.05], [0.95, 0.3], [0.0, 1.0]] {
                let logs = density.log_density_grid(centre, half, grid, signal, noise);
                assert_eq!(logs.len(), grid * grid);
                for (k, &log) in logs.iter().enumerate() {
                    let place = |i: usize, c: f32| {
                        f64::from(c) + f64::from(half) * ((2 * i + 1) as f64 / grid as f64 - 1.0)
                    };
                    let x = [place(k % grid, centre[0]), place(k / grid, centre[1])];
                    let point = density.log_density(x, signal, noise);
                    let same = log == point as f32
                        || (f64::from(log) - point).abs() < 1e-6 * (1.0 + point.abs());
                    assert!(same, "{name} {noise} at {x:?}: {log} for {point}");
                    assert_eq!(modes[k], density.mode_of(x.map(|v| v as f32)));
                }
            }
        }
    }
}

#[test]
fn data_stay_in_the_square_they_are_shown_in() {
    for &name in DATASETS {
        let samples = density(name).sample(50_000, &Draws::new(5, Stream::Data, 0));
        let outside = samples
            .iter()
            .filter(|x| x.iter().any(|v| v.abs() > EXTENT))
            .count();
        assert!(outside < 100, "{name}: {outside} of 50000");
    }
}

#[test]
fn a_sample_depends_on_its_place_and_draws_alone() {
    for &name in DATASETS {
        let density = density(name);
        let draws = Draws::new(6, Stream::Data, 0);
        let many = density.sample(100, &draws);
        assert_eq!(density.sample(10, &draws), many[..10], "{name}");
        assert_ne!(density.sample(100, &Draws::new(6, Stream::Data, 1)), many);
    }
}

/// Bits fixed once: native and WebAssembly runs must both give them.
#[test]
fn samples_have_the_same_bits_everywhere() {
    let fingerprint = |name: &str| {
        let samples = density(name).sample(1000, &Draws::new(1, Stream::Data, 0));
        // FNV-1a over the samples' bytes.
        let bytes = samples.iter().flatten().flat_map(|v| v.to_le_bytes());
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        })
    };
    let found: Vec<_> = DATASETS
        .iter()
        .map(|&name| (name, fingerprint(name)))
        .collect();
    assert_eq!(found, FINGERPRINTS);
}

const FINGERPRINTS: &[(&str, u64)] = &[
    ("four-rings", 0xf3ad_b947_292b_dcd7),
    ("8-gaussians", 0xb2c6_9011_610a_28b6),
    ("25-gaussians", 0xb5a8_466c_2c80_a05c),
    ("weighted-grid", 0x7e15_d6e8_556d_f2d2),
    ("two-moons", 0xf033_eba0_8733_8e4b),
    ("pinwheel", 0xfdb4_49ee_58eb_a60f),
    ("swiss-roll", 0xa9ac_c0bf_eb71_e3de),
    ("two-spirals", 0x15ff_2a1c_02cf_0554),
    ("checkerboard", 0x0612_3ceb_adb1_620a),
    ("banana", 0xaa47_7f24_4f19_ff05),
    ("funnel", 0xc8e0_04f6_37b1_05e4),
    ("gaussian", 0xebbc_0231_39cd_dec2),
    ("points", 0xe1cc_2079_1ae1_4c3e),
];

#[test]
fn points_without_points_say_so() {
    let mut settings = settings("points", 1.0);
    settings.points.clear();
    assert!(
        Density::from_settings(&settings)
            .unwrap_err()
            .contains("no points")
    );
}

#[test]
fn samples_lie_on_their_modes_and_nothing_else_does() {
    for name in crate::settings::DATASETS.iter().filter(|n| **n != "points") {
        let mut settings = Settings::default();
        settings.set_text(Key::Dataset, name).unwrap();
        let density = Density::from_settings(&settings).unwrap();
        let draws = Draws::new(5, Stream::Test, 0);
        let on = density.sample(2000, &draws);
        let on = on.iter().filter(|x| density.covers(**x)).count();
        // Beyond four deviations lies exp(-8) of a Gaussian of the plane: one in 3,000.
        assert!(on >= 1994, "{name}: {on}");
        assert!(!density.covers([20.0, -20.0]), "{name}");
        assert!(density.finest_variance() > 0.0, "{name}");
    }
}

#[test]
fn the_finest_variance_is_that_of_the_noise() {
    let mut settings = Settings::default();
    for (name, expected) in [
        ("four-rings", 0.01),
        ("8-gaussians", 0.04),
        ("checkerboard", 1.0 / 3.0),
    ] {
        settings.set_text(Key::Dataset, name).unwrap();
        let density = Density::from_settings(&settings).unwrap();
        let got = density.finest_variance();
        assert!((got / expected - 1.0).abs() < 1e-6, "{name}: {got}");
    }
}
