//! Every method on a GPU against itself on the CPU.

use basin::engine::Train2d;
use basin::settings::{Key, Preset, Size};
use burn::tensor::Device;

/// Three iterations of a method, on `device` and on the CPU: the losses must agree, and the samples
/// of a trained generator must be finite.
pub async fn method_agrees(method: &str, changes: &[(Key, &str)], device: Device) {
    let preset = Preset::of("8-gaussians", method, Size::Small).unwrap();
    let mut s = preset.settings();
    let base = [
        (Key::Width, "16"),
        (Key::Depth, "2"),
        (Key::GeneratorWidth, "12"),
        (Key::Chains, "32"),
        (Key::Buffer, "64"),
        (Key::Steps, "3"),
        (Key::Grid, "32"),
        (Key::Warmup, "0"),
    ];
    for (key, text) in base.iter().chain(changes) {
        s.set_text(*key, text).unwrap();
    }
    let mut losses = Vec::new();
    for device in [Device::flex(), device] {
        let mut run = Train2d::new(s.clone(), device).unwrap();
        run.advance(3).await.unwrap();
        let report = run.report(None).await.unwrap();
        assert!(report.kl_truth_model.is_finite(), "{method}");
        losses.push(report.losses);
    }
    let scale = losses[0].iter().fold(1.0f32, |m, v| m.max(v.abs()));
    for (a, b) in losses[0].iter().zip(&losses[1]) {
        assert!(
            (a - b).abs() < 2e-3 * scale,
            "{method} {changes:?}: {losses:?}"
        );
    }
}
