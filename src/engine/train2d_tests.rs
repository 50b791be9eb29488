use super::*;
use crate::energy::{Energy, LevelEnergy, membership_of};
use crate::engine::scene::Picture;
use crate::engine::{Comparing, Way, block_on, fresh_samples, squared_mmd};
use crate::protocol::Camera;
use crate::settings::{METHODS, Preset, Size};

/// A run that takes milliseconds.
fn tiny(changes: &[(Key, &str)]) -> Settings {
    let mut s = Settings::default();
    let base = [
        (Key::Width, "16"),
        (Key::Depth, "2"),
        (Key::Chains, "32"),
        (Key::Buffer, "200"),
        (Key::Steps, "4"),
        (Key::Grid, "48"),
        (Key::Levels, "3"),
    ];
    for (key, text) in base.iter().chain(changes) {
        s.set_text(*key, text).unwrap();
    }
    s
}

fn train(settings: Settings, count: u64) -> Train2d {
    let mut run = Train2d::new(settings, Device::flex()).unwrap();
    block_on(run.advance(count)).unwrap();
    run
}

fn weights(run: &Train2d) -> Vec<f32> {
    block_on(run.checkpoint()).unwrap().weights
}

fn step_sizes(run: &Train2d) -> Vec<f32> {
    block_on(run.checkpoint()).unwrap().steps
}

#[test]
fn a_resumed_run_equals_one_that_never_stopped() {
    for method in METHODS.iter().copied() {
        // Warm-up ends at once, so that adaptation at 100 has something to do.
        let settings = tiny(&[
            (Key::Method, method),
            (Key::Warmup, "3"),
            (Key::Iterations, "10000"),
            (Key::Ema, "0.9"),
        ]);
        let whole = train(settings.clone(), 120);
        let part = train(settings, 95);
        let bytes = block_on(part.checkpoint()).unwrap().to_bytes();
        let checkpoint = Checkpoint::from_bytes(&bytes).unwrap();
        let mut resumed = Train2d::resume(checkpoint, Device::flex()).unwrap();
        block_on(resumed.advance(25)).unwrap();
        assert_eq!(weights(&resumed), weights(&whole), "{method}");
        assert_eq!(step_sizes(&resumed), step_sizes(&whole), "{method}");
        assert_eq!(resumed.iteration(), 120);
        let [a, b] = [&resumed, &whole].map(|run| block_on(run.checkpoint()).unwrap());
        assert_eq!(
            (a.chains, a.average, a.others),
            (b.chains, b.average, b.others),
            "{method}"
        );
    }
}

#[test]
fn watching_changes_nothing() {
    let alone = train(tiny(&[]), 20);
    let mut watched = train(tiny(&[]), 7);
    let camera = Camera {
        centre: [0.0, 0.0],
        half: 5.0,
        width: 100,
        height: 100,
    };
    watched.scene(&camera, true);
    block_on(watched.probe([1.0, 2.0])).unwrap();
    block_on(watched.report(None)).unwrap();
    block_on(Comparing::start(&watched)).unwrap();
    block_on(watched.advance(13)).unwrap();
    assert_eq!(weights(&alone), weights(&watched));
}

#[test]
fn a_second_report_says_the_same_of_the_last_moves() {
    let mut run = train(tiny(&[]), 5);
    let first = block_on(run.report(None)).unwrap();
    let second = block_on(run.report(None)).unwrap();
    assert_eq!(first.losses.len(), 5);
    assert!(second.losses.is_empty());
    assert!(first.gradient > 0.0 && first.acceptance.iter().any(|a| *a > 0.0));
    assert_eq!(second.gradient, first.gradient);
    assert_eq!(
        format!("{:?}", second.acceptance),
        format!("{:?}", first.acceptance)
    );
    block_on(run.advance(1)).unwrap();
    let third = block_on(run.report(None)).unwrap();
    assert_eq!(third.losses.len(), 1);
}

#[test]
fn seeds_and_settings_make_the_run() {
    let a = train(tiny(&[]), 3);
    assert_eq!(weights(&a), weights(&train(tiny(&[]), 3)));
    assert_ne!(weights(&a), weights(&train(tiny(&[(Key::Seed, "2")]), 3)));
}

#[test]
fn persistent_training_learns_a_gaussian() {
    let settings = tiny(&[
        (Key::Dataset, "gaussian"),
        (Key::Method, "pcd"),
        (Key::Sampler, "mala"),
        (Key::StepSize, "0.6"),
        (Key::LearningRate, "0.005"),
        (Key::Warmup, "10"),
        (Key::Chains, "128"),
        (Key::Iterations, "600"),
    ]);
    let mut run = Train2d::new(settings, Device::flex()).unwrap();
    let before = block_on(run.report(None)).unwrap();
    block_on(run.advance(600)).unwrap();
    let after = block_on(run.report(None)).unwrap();
    assert!(run.finished());
    assert_eq!(after.losses.len(), 600);
    assert!(before.kl_truth_model > 0.5, "{}", before.kl_truth_model);
    assert!(after.kl_truth_model < 0.05, "{}", after.kl_truth_model);
    assert!(after.acceptance[0] > 0.3);
}

#[test]
fn the_joint_model_learns_levels_too() {
    let settings = tiny(&[
        (Key::Dataset, "gaussian"),
        (Key::LearningRate, "0.003"),
        (Key::Warmup, "20"),
        (Key::Chains, "128"),
        (Key::Steps, "8"),
        (Key::Iterations, "800"),
    ]);
    let mut run = train(settings, 800);
    let report = block_on(run.report(None)).unwrap();
    assert!(report.kl_truth_model < 0.1, "{}", report.kl_truth_model);
    for share in &report.level_share {
        assert!((share - 0.25).abs() < 0.12, "{:?}", report.level_share);
    }
    // Every way from noise ends at the same Gaussian.
    let data = run
        .density()
        .sample(400, &Draws::new(1, Stream::Evaluation, 77));
    for way in ["own", "annealed", "exchange"] {
        let mut next = run.settings().clone();
        next.set_text(Key::Generate, way).unwrap();
        run.configure(next);
        let fresh = block_on(fresh_samples(&run, 400, 6, 400)).unwrap();
        assert_eq!(fresh.points.len(), 400, "{way}");
        let apart = squared_mmd(&fresh.points, &data);
        assert!(apart < 0.02, "{way}: {apart}");
    }
    // A start that nothing has moved is far off.
    let noise = Draws::new(1, Stream::Test, 0).normals(800);
    let noise: Vec<_> = noise.chunks_exact(2).map(|z| [z[0], z[1]]).collect();
    assert!(squared_mmd(&noise, &data) > 0.05);
}

/// DDAEBM notes, 7.12: a short game is finite, puts data below the rest of the plane, and brings samples
/// closer to the data.
#[test]
fn the_adversarial_game_learns() {
    let mut settings = Preset::of("25-gaussians", "ddaebm", Size::Standard)
        .unwrap()
        .settings();
    for (key, text) in [
        (Key::Chains, "64"),
        (Key::LearningRate, "0.001"),
        (Key::Iterations, "2500"),
    ] {
        settings.set_text(key, text).unwrap();
    }
    let mut run = Train2d::new(settings, Device::flex()).unwrap();
    let apart = |run: &Train2d| {
        let fresh = block_on(fresh_samples(run, 400, 1, 1)).unwrap().points;
        let draws = Draws::new(1, Stream::Evaluation, 77);
        squared_mmd(&fresh, &run.density().sample(400, &draws))
    };
    let before = apart(&run);
    block_on(run.advance(2500)).unwrap();
    let report = block_on(run.report(None)).unwrap();
    assert!(report.losses.iter().all(|loss| loss.is_finite()));
    let after = apart(&run);
    assert!(after < 0.5 * before, "{after} after {before}");
    let mean = |points: Vec<[f32; 2]>| {
        let n = points.len();
        let x = TensorData::new(points.into_flattened(), [n, 2]);
        let at = run.model().at(membership_of(0, 4, n, &Device::flex()));
        let energy = at.energy(Tensor::from_data(x, &Device::flex()));
        energy.mean().into_scalar::<f32>()
    };
    let draws = Draws::new(2, Stream::Test, 0);
    let anywhere = draws.uniforms(2000).into_iter().map(|u| 10.0 * u - 5.0);
    let anywhere: Vec<f32> = anywhere.collect();
    let (data, rest) = (
        mean(run.density().sample(1000, &draws)),
        mean(anywhere.as_chunks::<2>().0.to_vec()),
    );
    assert!(data < rest - 1.0, "{data} on data, {rest} anywhere");
}

#[test]
fn every_method_gives_samples_by_every_way() {
    let with_levels = ("dcd", (Key::TimeInput, "on"));
    let refined = METHODS.iter().map(|method| (*method, (Key::Refine, "2")));
    for (method, change) in refined.chain([with_levels]) {
        let mut run = train(tiny(&[(Key::Method, method), change]), 12);
        for way in ["own", "annealed", "exchange"] {
            let mut next = run.settings().clone();
            next.set_text(Key::Generate, way).unwrap();
            next.set_text(Key::ShortSteps, "10").unwrap();
            next.set_text(Key::LongSteps, "100").unwrap();
            run.configure(next);
            let fresh = block_on(fresh_samples(&run, 30, 1, 300)).unwrap();
            assert_eq!(fresh.points.len(), 30, "{method} {way}");
            assert!(fresh.points.iter().flatten().all(|v| v.is_finite()));
            let mut comparing = block_on(Comparing::start(&run)).unwrap();
            while !comparing.finished() {
                block_on(comparing.advance()).unwrap();
            }
            let c = comparing.comparison();
            let sampled = c.runs.iter().any(|r| r.steps == 0);
            assert_eq!(sampled, Way::of(run.settings()).ends(), "{method} {way}");
            assert!(c.kl.is_finite() && c.runs.len() == 4, "{method} {way}");
        }
    }
}

/// DCD notes, 1.3: without its correction the loss falls without bound, and the run says so.
#[test]
fn uncorrected_negatives_run_away() {
    let settings = tiny(&[
        (Key::Method, "dcd"),
        (Key::Estimator, "uncorrected"),
        (Key::LearningRate, "0.02"),
        (Key::Clip, "0"),
        (Key::Warmup, "0"),
        (Key::Decay, "off"),
    ]);
    let mut run = Train2d::new(settings, Device::flex()).unwrap();
    let lost = (0..60).find_map(|_| {
        block_on(run.advance(10)).unwrap();
        block_on(run.report(None)).unwrap().runaway(100.0)
    });
    assert!(lost.is_some_and(|loss| loss < -100.0), "{lost:?}");
}

#[test]
fn a_wild_learning_rate_is_seen_as_a_runaway() {
    let settings = tiny(&[
        (Key::LearningRate, "0.1"),
        (Key::Clip, "0"),
        (Key::Steps, "1"),
        (Key::Warmup, "0"),
        (Key::Decay, "off"),
        (Key::Sampler, "ula"),
    ]);
    let mut run = Train2d::new(settings, Device::flex()).unwrap();
    let ran_away = (0..40).any(|_| {
        block_on(run.advance(10)).unwrap();
        block_on(run.report(None)).unwrap().runaway(100.0).is_some()
    });
    assert!(ran_away);
}

#[test]
fn live_settings_apply_without_a_new_run() {
    let mut run = train(tiny(&[]), 2);
    let mut next = run.settings().clone();
    next.set_text(Key::StepSize, "1.2").unwrap();
    next.set_text(Key::Grid, "32").unwrap();
    let before = step_sizes(&run);
    assert!(!run.settings().needs_reset(&next));
    run.configure(next);
    for (old, new) in before.iter().zip(step_sizes(&run)) {
        assert!((new / old - 2.0).abs() < 1e-5);
    }
    assert_eq!(run.truth.log_density.len(), 32 * 32);
}

#[test]
fn scenes_have_the_shapes_that_painters_expect() {
    let mut run = train(
        tiny(&[
            (Key::ShowScores, "on"),
            (Key::Level, "2"),
            (Key::Picture, "energy"),
        ]),
        2,
    );
    let camera = Camera {
        centre: [1.0, 0.0],
        half: 2.0,
        width: 10,
        height: 10,
    };
    let scene = run.scene(&camera, true);
    assert_eq!(
        (scene.level, scene.levels, scene.picture),
        (2, 4, Picture::Energy)
    );
    assert_eq!(scene.energy.dims(), [48 * 48]);
    assert_eq!(scene.truth.dims(), [48 * 48]);
    assert_eq!(scene.strip.dims(), [4, 24 * 24]);
    assert_eq!(scene.range.dims(), [4, 4]);
    assert_eq!(scene.trails.unwrap().dims(), [4, 32, 2]);
    assert_eq!(
        scene.score.unwrap().dims(),
        [scene.arrows * scene.arrows, 2]
    );
}

#[test]
fn the_probe_is_normalised_like_the_report() {
    let mut run = train(tiny(&[(Key::Dataset, "gaussian")]), 2);
    let probe = block_on(run.probe([0.5, -0.5])).unwrap();
    let report = block_on(run.report(None)).unwrap();
    let exact = (-probe.energy - report.log_z).exp();
    assert!(
        (probe.density / exact - 1.0).abs() < 1e-4,
        "{} against {exact}",
        probe.density
    );
    let truth = run.density().log_density([0.5, -0.5], 1.0, 0.0).exp() as f32;
    assert!((probe.truth - truth).abs() < 1e-5);
}

#[test]
fn the_masses_of_the_buffer_are_counts_averaged_over_label_moves() {
    // On a single level every chain stands at t = 0; where levels have normalisers of their own, only
    // the chains that stand there count.
    let pcd = [(Key::Method, "pcd")];
    let dcd = [(Key::Method, "dcd"), (Key::TimeInput, "on")];
    for changes in [&pcd[..], &dcd] {
        let mut run = train(tiny(changes), 5);
        let counted = block_on(run.report(None)).unwrap().mass_chains;
        let averaged = block_on(run.buffer_masses()).unwrap().unwrap();
        for (a, b) in averaged.iter().zip(&counted) {
            assert!((a - b).abs() < 1e-6, "{averaged:?} {counted:?}");
        }
    }
    let mut run = train(tiny(&[(Key::Buffer, "4000")]), 5);
    let report = block_on(run.report(None)).unwrap();
    let averaged = block_on(run.buffer_masses()).unwrap().unwrap();
    assert!((averaged.iter().sum::<f32>() - 1.0).abs() < 1e-5);
    // A quarter of the chains is counted: five standard errors of a share.
    let error = 5.0 * (0.25f32 / 1000.0).sqrt();
    for (a, b) in averaged.iter().zip(&report.mass_chains) {
        assert!(
            (a - b).abs() < error,
            "{averaged:?} {:?}",
            report.mass_chains
        );
    }
    let run = train(tiny(&[(Key::Method, "cd")]), 1);
    assert_eq!(block_on(run.buffer_masses()).unwrap(), None);
}

#[test]
fn a_comparison_runs_short_and_long_chains() {
    let run = train(tiny(&[(Key::ShortSteps, "15"), (Key::LongSteps, "100")]), 5);
    let mut comparing = block_on(Comparing::start(&run)).unwrap();
    while !comparing.finished() {
        block_on(comparing.advance()).unwrap();
    }
    let c = comparing.comparison();
    assert_eq!((c.steps, c.runs.len()), (100, 4));
    assert_eq!(
        c.runs.iter().map(|r| r.steps).collect::<Vec<_>>(),
        [15, 15, 100, 100]
    );
    for run in &c.runs {
        assert!((run.masses.iter().sum::<f32>() - 1.0).abs() < 1e-4);
        assert!(run.points.iter().flatten().all(|v| v.is_finite()));
    }
    assert!(c.runs[3].r_hat.is_finite() && c.runs[0].r_hat.is_nan());
}

#[test]
fn own_points_are_needed_for_their_data_set() {
    let settings = tiny(&[(Key::Dataset, "points")]);
    assert!(matches!(
        Train2d::new(settings, Device::flex()),
        Err(TrainError::Data(_))
    ));
}
