//! One small run, the same natively and in the browser, and the numbers it must give.
//!
//! `tests/golden/run.json` was printed by `cargo test --test native -- --ignored print_golden`.

use basin::data::Density;
use basin::energy::{Architecture, Energy, LevelEnergy, membership_of};
use basin::engine::Train2d;
use basin::rng::{Draws, Stream};
use basin::settings::{Key, Preset, Settings, Size};
use burn::tensor::{Device, Tensor, TensorData};

/// What a run is held to.
#[derive(serde::Serialize, serde::Deserialize)]
pub struct Golden {
    /// Checksums of the initial weights' and first data's bits.
    pub weights: u64,
    pub data: u64,
    /// Energies at fixed points and levels after ten iterations.
    pub energies: Vec<f32>,
}

pub fn golden() -> Golden {
    serde_json::from_str(include_str!("../golden/run.json")).unwrap()
}

pub fn settings() -> Settings {
    small(Settings::default())
}

fn small(mut s: Settings) -> Settings {
    for (key, text) in [
        (Key::Width, "32"),
        (Key::Depth, "2"),
        (Key::Chains, "32"),
        (Key::Buffer, "256"),
        (Key::Steps, "5"),
        (Key::Levels, "3"),
        (Key::Grid, "32"),
        (Key::Warmup, "4"),
    ] {
        s.set_text(key, text).unwrap();
    }
    s
}

/// FNV-1a of the values' bits.
fn checksum(values: impl IntoIterator<Item = f32>) -> u64 {
    values
        .into_iter()
        .flat_map(|v| v.to_bits().to_le_bytes())
        .fold(0xcbf2_9ce4_8422_2325, |h, b| {
            (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
        })
}

/// Energies at fixed points and all levels after some iterations of a run.
async fn energies(settings: &Settings, iterations: u64, device: &Device) -> Vec<f32> {
    let mut run = Train2d::new(settings.clone(), device.clone()).unwrap();
    run.advance(iterations).await.unwrap();
    let (n, levels) = (32, run.schedule().levels());
    let points = Draws::new(8, Stream::Test, 0).normals(2 * n);
    let x = Tensor::<2>::from_data(TensorData::new(points, [n, 2]), device) * 2.0;
    let model = run.model();
    let mut energies = Vec::new();
    for t in 0..levels {
        let at = model.at(membership_of(t, levels, 1, device));
        let found = at.energy(x.clone()).into_data_async().await.unwrap();
        energies.extend(found.iter::<f32>());
    }
    energies
}

/// Twenty iterations with kernels and without: the same run, to 1e-4 of the largest energy. DCD's loss
/// divides differences of energies by a small variance, which makes much of their rounding.
pub async fn kernels_change_nothing(device: &Device) {
    let methods = [
        ("da-ebm", 1e-4),
        ("pcd", 1e-4),
        ("dsm", 1e-4),
        ("ddaebm", 1e-4),
        ("dcd", 5e-3),
    ];
    for (method, tolerance) in methods {
        // With the method's own optimiser: another's may turn rounding into signs.
        let preset = Preset::of("8-gaussians", method, Size::Small).unwrap();
        let mut s = small(preset.settings());
        s.set_text(Key::GeneratorWidth, "12").unwrap();
        let fast = energies(&s, 20, device).await;
        s.set_text(Key::Kernels, "off").unwrap();
        let general = energies(&s, 20, device).await;
        let scale = general.iter().fold(0.0f32, |m, e| m.max(e.abs()));
        for (i, (a, b)) in fast.iter().zip(&general).enumerate() {
            assert!(
                (a - b).abs() <= tolerance * scale,
                "{method}, energy {i}: {a} against {b} (scale {scale})"
            );
        }
    }
}

pub async fn measure(device: Device) -> Golden {
    let settings = settings();
    let energies = energies(&settings, 10, &device).await;
    // Every data set, so that a difference between platforms in any of them shows.
    let data = basin::settings::DATASETS
        .iter()
        .filter(|name| **name != "points")
        .flat_map(|name| {
            let mut s = settings.clone();
            s.set_text(Key::Dataset, name).unwrap();
            Density::from_settings(&s)
                .unwrap()
                .sample(200, &Draws::new(1, Stream::Data, 0))
        });
    Golden {
        weights: checksum(Architecture::from_settings(&settings).init(1)),
        data: checksum(data.flatten()),
        energies,
    }
}

/// Holds a measurement to the golden one: bits of weights and data, energies to `tolerance`
/// relative to the largest.
pub fn compare(got: &Golden, tolerance: f32) {
    let expected = golden();
    assert_eq!(got.weights, expected.weights, "initial weights");
    assert_eq!(got.data, expected.data, "data");
    let scale = expected.energies.iter().fold(0.0f32, |m, e| m.max(e.abs()));
    for (i, (a, b)) in got.energies.iter().zip(&expected.energies).enumerate() {
        assert!(
            (a - b).abs() <= tolerance * scale,
            "energy {i}: {a} against {b} (scale {scale})"
        );
    }
    assert_eq!(got.energies.len(), expected.energies.len());
}
