use super::*;
use crate::energy::Architecture;
use crate::energy::{Activation, Energy, LevelEnergy};
use crate::settings::{Preset, Size};

fn values<const D: usize>(t: Tensor<D>) -> Vec<f32> {
    t.into_data().try_to_vec().unwrap()
}

fn batch(n: usize, levels: usize, stream: u64, device: &Device) -> Labelled {
    let labels: Vec<usize> = (0..n).map(|i| i % levels).collect();
    Labelled {
        x: points(Draws::new(1, Stream::Test, stream).normals(2 * n), device),
        member: membership_of_labels(&labels, levels, device),
    }
}

pub(super) fn update<'a>(
    model: &'a Mlp,
    steps: &'a Tensor<1>,
    data: &'a Labelled,
    device: &'a Device,
) -> Update<'a, Mlp> {
    Update {
        model,
        steps,
        kernel: Kernel::Ula,
        jump: JumpKind::Stay,
        transitions: 1,
        data,
        seed: 3,
        iteration: 0,
        reinit: 0.0,
        proposals: 0,
        correction: 0,
        entropy: 0.1,
        other: AdamSettings {
            learning_rate: 1e-3,
            beta1: 0.0,
            beta2: 0.9,
        },
        clip: 0.0,
        memory: 0.0,
        device,
    }
}

/// The slope of each loss along its own gradient, by central differences, is the gradient's squared
/// length: with the same draws, the loss is a fixed function of the weights.
#[test]
fn gradients_of_every_loss_match_finite_differences() {
    let device = Device::flex();
    let cases: &[(&str, &[(Key, &str)])] = &[
        ("dcd", &[]),
        ("dcd", &[(Key::Stabiliser, "0.2"), (Key::Negatives, "7")]),
        ("dcd", &[(Key::Estimator, "fp-stein")]),
        (
            "dcd",
            &[(Key::Estimator, "fp-stein"), (Key::Diffusion, "vp")],
        ),
        ("dcd", &[(Key::Estimator, "fp-noised")]),
        (
            "dcd",
            &[(Key::Estimator, "fp-clean"), (Key::Diffusion, "vp")],
        ),
        ("dcd", &[(Key::Estimator, "anti"), (Key::Diffusion, "vp")]),
        ("dcd", &[(Key::Estimator, "uncorrected")]),
        ("dcd", &[(Key::TimeInput, "on"), (Key::Levels, "3")]),
        (
            "dcd",
            &[(Key::TimeInput, "on"), (Key::Estimator, "fp-stein")],
        ),
        ("energy-discrepancy", &[]),
        ("nce", &[]),
        ("dsm", &[]),
        ("ssm", &[]),
        ("ddaebm", &[]),
        ("ddaebm", &[(Key::Levels, "1"), (Key::Latent, "off")]),
    ];
    for (method, changes) in cases {
        let mut s = Preset::of("8-gaussians", method, Size::Small)
            .unwrap()
            .settings();
        s.set_text(Key::Width, "16").unwrap();
        s.set_text(Key::Depth, "2").unwrap();
        for (key, text) in *changes {
            s.set_text(*key, text).unwrap();
        }
        let schedule = Schedule::from_settings(&s);
        let density = Density::from_settings(&s).unwrap();
        let mut objective = objective(&s, &schedule, &density, &device);
        let a = Architecture::from_settings(&s);
        let data = batch(24, schedule.levels(), 6, &device);
        let steps = Tensor::<1>::full([schedule.levels()], 0.1, &device);
        let mut at = |flat: &Tensor<1>| {
            let model = Mlp::new(&a, flat);
            let update = update(&model, &steps, &data, &device);
            objective.descend(&update).contrast
        };
        let flat = Tensor::<1>::from_data(a.init(2).as_slice(), &device);
        let found = at(&flat);
        let squared = values(found.gradient.clone().powi_scalar(2).sum())[0];
        assert!(squared > 0.0, "{method} {changes:?}");
        let h = 2e-3 / squared.sqrt();
        let up = values(at(&(flat.clone() + found.gradient.clone() * h)).loss)[0];
        let down = values(at(&(flat - found.gradient * h)).loss)[0];
        let slope = (up - down) / (2.0 * h);
        assert!(
            (slope / squared - 1.0).abs() < 2e-2,
            "{method} {changes:?}: {slope} against {squared}"
        );
    }
}

#[test]
fn the_contrast_is_the_difference_of_means_and_its_gradient_points_uphill() {
    let device = Device::flex();
    let a = Architecture {
        activation: Activation::Softplus,
        width: 16,
        depth: 2,
        levels: Some(3),
        confinement: 0.05,
        spread: true,
    };
    let flat = Tensor::<1>::from_data(a.init(2).as_slice(), &device);
    let (data, negatives) = (batch(12, 3, 0, &device), batch(8, 3, 1, &device));
    let mean = |flat: &Tensor<1>, b: &Labelled| {
        values(
            Mlp::new(&a, flat)
                .at(b.member.clone())
                .energy(b.x.clone())
                .mean(),
        )[0]
    };
    let c = contrast(&Mlp::new(&a, &flat), &data, &negatives);
    let expected = mean(&flat, &data) - mean(&flat, &negatives);
    assert!((values(c.loss)[0] - expected).abs() < 1e-5);
    let squared = values(c.gradient.clone().powi_scalar(2).sum())[0];
    let h = 1e-3 / squared.sqrt();
    let (up, down) = (flat.clone() + c.gradient.clone() * h, flat - c.gradient * h);
    let slope = (mean(&up, &data) - mean(&up, &negatives) - mean(&down, &data)
        + mean(&down, &negatives))
        / (2.0 * h);
    assert!(
        (slope / squared - 1.0).abs() < 1e-2,
        "{slope} against {squared}"
    );
}

/// Against the update written out for one number.
#[test]
fn adam_matches_its_formula() {
    let device = Device::flex();
    let mut adam = Adam::new(1, &device);
    let mut flat = Tensor::<1>::from_data([1.0f32], &device);
    let (mut m, mut v, mut w) = (0.0f64, 0.0f64, 1.0f64);
    let s = AdamSettings {
        learning_rate: 0.1,
        beta1: 0.9,
        beta2: 0.99,
    };
    for i in 1..=5 {
        let g = 0.5 * f64::from(i) - 1.2;
        flat = adam.step(flat, Tensor::from_data([g as f32], &device), s);
        m = 0.9 * m + 0.1 * g;
        v = 0.99 * v + 0.01 * g * g;
        w -= 0.1 * (m / (1.0 - 0.9f64.powi(i))) / ((v / (1.0 - 0.99f64.powi(i))).sqrt() + 1e-8);
        assert!((f64::from(values(flat.clone())[0]) - w).abs() < 1e-5);
    }
}

#[test]
fn adam_without_momentum_takes_unit_first_steps() {
    let device = Device::flex();
    let mut adam = Adam::new(2, &device);
    let s = AdamSettings {
        learning_rate: 5e-4,
        beta1: 0.0,
        beta2: 0.999,
    };
    let flat = adam.step(
        Tensor::zeros([2], &device),
        Tensor::from_data([3.0f32, -1e-3], &device),
        s,
    );
    for (got, expected) in values(flat).into_iter().zip([-5e-4f32, 5e-4]) {
        assert!((got - expected).abs() < 1e-7);
    }
}

#[test]
fn clipping_shortens_long_gradients_only() {
    let device = Device::flex();
    let g = Tensor::<1>::from_data([3.0f32, 4.0], &device);
    let (clipped, norm) = clip_to_norm(g.clone(), 1.0);
    assert!((values(norm)[0] - 5.0).abs() < 1e-5);
    assert!((values(clipped)[1] - 0.8).abs() < 1e-6);
    assert_eq!(values(clip_to_norm(g.clone(), 10.0).0)[0], 3.0);
    assert_eq!(values(clip_to_norm(g, 0.0).0)[0], 3.0);
}

#[test]
fn the_learning_rate_warms_up_and_decays() {
    let s = Settings::default();
    let lr = |i| learning_rate(&s, i) / 5e-4;
    assert!((lr(0) - 1.0 / 200.0).abs() < 1e-12);
    assert!((lr(199) - 1.0).abs() < 1e-12 && lr(6999) == 1.0);
    for (i, factor) in [(7000, 0.1), (8000, 0.01), (9000, 0.001), (20_000, 0.001)] {
        assert!((lr(i) / factor - 1.0).abs() < 1e-9);
    }
    let mut early = Settings::default();
    early.set_text(Key::DecayFrom, "40").unwrap();
    let lr = |i| learning_rate(&early, i) / 5e-4;
    for (i, factor) in [
        (3999, 1.0),
        (4000, 0.1),
        (5999, 0.1),
        (6000, 0.01),
        (8000, 0.001),
    ] {
        assert!((lr(i) / factor - 1.0).abs() < 1e-9);
    }
}

#[test]
fn the_buffer_returns_exactly_what_was_put() {
    let device = Device::flex();
    let start = batch(50, 4, 3, &device);
    let mut buffer = ReplayBuffer::new(start.x.clone() * 1e3, start.member);
    let rows = buffer.pick(20, 7, 3, &device);
    let fresh = batch(20, 4, 4, &device);
    buffer.put(&rows, fresh.clone());
    let back = buffer.take(&rows);
    assert_eq!(values(back.x), values(fresh.x));
    assert_eq!(values(back.member), values(fresh.member));
}

#[test]
fn initial_steps_follow_the_schedule() {
    let mut s = Settings::default();
    let steps = initial_steps(&s, &Schedule::from_settings(&s));
    assert_eq!(steps.len(), 7);
    assert!((steps[0] - 0.03).abs() < 1e-6 && steps[0] == steps[1]);
    assert!(steps.windows(2).all(|w| w[0] <= w[1]));
    s.set_text(Key::Method, "pcd").unwrap();
    assert_eq!(initial_steps(&s, &Schedule::from_settings(&s)), [0.6]);
}

#[test]
fn steps_grow_no_further_than_their_levels_noise_allows() {
    let mut s = Settings::default();
    let ceilings = step_ceilings(&Schedule::from_settings(&s));
    assert!((ceilings[0] - 0.2).abs() < 1e-6 && ceilings[1] == ceilings[0]);
    assert_eq!(ceilings.last(), Some(&1.5));
    s.set_text(Key::Method, "pcd").unwrap();
    assert_eq!(step_ceilings(&Schedule::from_settings(&s)), [1.5]);
}

#[test]
fn restarts_happen_at_their_rate_and_from_the_right_place() {
    let device = Device::flex();
    let mut s = Settings::default();
    s.set_text(Key::Buffer, "2000").unwrap();
    s.set_text(Key::Width, "8").unwrap();
    s.set_text(Key::Start, "noise").unwrap();
    let schedule = Schedule::from_settings(&s);
    let density = Density::from_settings(&s).unwrap();
    let mut objective = objective(&s, &schedule, &density, &device);
    let a = Architecture::from_settings(&s);
    let flat = Tensor::from_data(a.init(1).as_slice(), &device);
    let model = Mlp::new(&a, &flat);
    // Chains placed far away, so that a re-started one is known by its place.
    let levels = schedule.levels();
    let far = Labelled {
        x: Tensor::full([2000, 2], 100.0, &device),
        member: crate::energy::membership_of(0, levels, 2000, &device),
    };
    objective.restore(ReplayBuffer { chains: far });
    let data = batch(1000, levels, 6, &device);
    let steps = Tensor::<1>::full([levels], 1e-4, &device);
    let update = Update {
        reinit: 0.2,
        ..update(&model, &steps, &data, &device)
    };
    let negatives = objective.descend(&update).moved.unwrap();
    let near: Vec<bool> = values(negatives.chains.x)
        .chunks(2)
        .map(|p| p[0] < 50.0)
        .collect();
    let restarted = near.iter().filter(|n| **n).count() as f64;
    assert!(
        (restarted - 200.0).abs() < 4.0 * (1000.0f64 * 0.2 * 0.8).sqrt(),
        "{restarted}"
    );
    for (member, near) in values(negatives.chains.member).chunks(levels).zip(near) {
        assert_eq!(member[if near { levels - 1 } else { 0 }], 1.0);
    }
}
