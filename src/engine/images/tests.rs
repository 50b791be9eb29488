use super::*;
use crate::data::images::SIDE;
use crate::engine::block_on;
use crate::rng::{Draws, Stream};
use crate::weights::Method;

/// Images with something to learn: bands of two colours at random heights.
fn images(n: usize) -> Images {
    let draws = Draws::new(4, Stream::Test, 0);
    let pixel = |i: usize| {
        let (image, place) = (i / NUMBERS, i % NUMBERS);
        let (channel, row) = (place / (SIDE * SIDE), place / SIDE % SIDE);
        let edge = draws.below(image as u32, SIDE as u32) as usize;
        if row < edge { 40 * channel as u8 } else { 220 }
    };
    Images {
        pixels: (0..n * NUMBERS).map(pixel).collect(),
    }
}

fn spec(method: Method) -> TrainSpec {
    TrainSpec {
        iterations: 40,
        batch: 8,
        warmup: 4,
        transitions: 2,
        buffer: 20,
        persistence: 0.0,
        ..TrainSpec::of(ModelSpec::tiny(method))
    }
}

/// Persistent chains that keep their levels, beside DCD.
fn level_chains() -> TrainSpec {
    let dcd = spec(Method::Dcd);
    TrainSpec {
        persistence: 1.0,
        chain_levels: 2,
        spread: 3.0,
        step_size: 0.5,
        model: ModelSpec {
            method: Method::DaEbm,
            ..dcd.model
        },
        ..dcd
    }
}

fn advance(run: &mut TrainImages, iterations: u64) -> Progress {
    block_on(run.advance(iterations)).unwrap();
    block_on(run.progress()).unwrap()
}

fn snapshot(run: &TrainImages) -> Snapshot {
    let snapshot = block_on(run.snapshot()).unwrap();
    // Time is no part of what a run comes to.
    Snapshot {
        seconds: 0.0,
        ..snapshot
    }
}

#[test]
fn a_resumed_run_equals_one_that_never_stopped() {
    let methods = [Method::Dcd, Method::DaEbm, Method::Ddaebm].map(spec);
    for spec in methods.into_iter().chain([level_chains()]) {
        let device = Device::flex();
        let mut whole = TrainImages::new(spec, images(30), device.clone());
        advance(&mut whole, 4);
        let kept = block_on(whole.snapshot()).unwrap();
        advance(&mut whole, 3);
        let mut resumed = TrainImages::resume(kept, images(30), device).unwrap();
        advance(&mut resumed, 3);
        assert_eq!(snapshot(&resumed), snapshot(&whole));
    }
}

#[test]
fn a_run_that_goes_back_is_another_one_with_half_the_rate() {
    let mut run = TrainImages::new(spec(Method::Dcd), images(30), Device::flex());
    advance(&mut run, 4);
    let good = snapshot(&run);
    let before = advance(&mut run, 3);
    let lost = snapshot(&run);
    run.roll_back(good.clone()).unwrap();
    assert_eq!((run.iteration(), run.rollbacks()), (4, 1));
    assert_eq!(snapshot(&run).arrays, good.arrays);
    let after = advance(&mut run, 3);
    assert_ne!(snapshot(&run).arrays, lost.arrays);
    assert!((after.learning_rate / before.learning_rate - 0.5).abs() < 1e-9);
}

/// Half precision is what the file loses.
#[test]
fn training_starts_from_weights_of_a_file() {
    let device = Device::flex();
    let mut run = TrainImages::new(spec(Method::Dcd), images(30), device.clone());
    advance(&mut run, 5);
    let file = block_on(run.weights()).unwrap().write();
    let weights = WeightsFile::read(&file).unwrap();
    let mut other = TrainImages::new(spec(Method::Dcd), images(30), device.clone());
    other.start_from(&weights).unwrap();
    assert_eq!(other.iteration(), 0);
    let snapshots = [snapshot(&run), snapshot(&other)];
    let [kept, started] = snapshots.each_ref().map(|s| &s.arrays);
    let average = &kept.iter().find(|(name, _)| name == "average").unwrap().1;
    for (name, found) in started.iter().take(2) {
        let pairs = found.iter().zip(average);
        let close = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-3 * b.abs() + 1e-7;
        assert!(pairs.into_iter().all(close), "{name}");
    }
    let mut wrong = TrainImages::new(spec(Method::DaEbm), images(30), device);
    assert!(wrong.start_from(&weights).is_err());
}

#[test]
fn arrays_that_do_not_fit_change_nothing() {
    for method in [Method::DaEbm, Method::Ddaebm] {
        let mut run = TrainImages::new(spec(method), images(30), Device::flex());
        let right = snapshot(&run);
        for i in 0..right.arrays.len() {
            let mut wrong = right.clone();
            wrong.arrays[i].1.push(0.0);
            let name = wrong.arrays[i].0.clone();
            assert_eq!(run.roll_back(wrong), Err(SnapshotError::Shape(name)));
            assert_eq!(snapshot(&run), right);
        }
    }
}

/// The file of a game holds what samples are drawn with.
#[test]
fn a_generator_goes_into_the_file_and_comes_back() {
    let device = Device::flex();
    let mut run = TrainImages::new(spec(Method::Ddaebm), images(30), device.clone());
    advance(&mut run, 12);
    let file = block_on(run.weights()).unwrap().write();
    let weights = WeightsFile::read(&file).unwrap();
    let mut other = TrainImages::new(spec(Method::Ddaebm), images(30), device.clone());
    let numbers = |run: &TrainImages| {
        block_on(read(vec![run.samples(2).into()]))
            .unwrap()
            .concat()
    };
    let apart = |a: &[f32], b: &[f32]| {
        let gaps = a.iter().zip(b).map(|(a, b)| (a - b).abs());
        gaps.fold(0.0, f32::max)
    };
    let right = numbers(&run);
    assert!(apart(&numbers(&other), &right) > 0.1);
    other.start_from(&weights).unwrap();
    // Half precision is what the file loses.
    assert!(apart(&numbers(&other), &right) < 0.02);
    let model = crate::engine::model::ImageModel::new(&weights, &device).unwrap();
    let found = model.samples(2, [0, 0]);
    let found = block_on(read(vec![found.into()])).unwrap().concat();
    assert!(apart(&found, &numbers(&other)) < 1e-4);
}

#[test]
fn training_lowers_the_loss() {
    // The limit of small steps, whose loss is a mean square, and steps of a third of the noise, whose loss
    // has the same minimum but for a constant.
    let mut run = TrainImages::new(spec(Method::Dcd), images(60), Device::flex());
    let first = advance(&mut run, 4).loss;
    let last = (0..4).map(|_| advance(&mut run, 9).loss).last().unwrap();
    assert!(last < 0.8 * first, "{last} after {first}");
    assert!(run.finished());

    let finite = TrainSpec {
        diffusion_step: 0.3,
        ..spec(Method::Dcd)
    };
    let mut run = TrainImages::new(finite, images(60), Device::flex());
    let first = advance(&mut run, 4).loss;
    let last = (0..4).map(|_| advance(&mut run, 9).loss).last().unwrap();
    assert!(last < first - 0.05, "{last} after {first}");
}

#[test]
fn a_generator_learns_what_images_look_like() {
    let game = TrainSpec {
        learning_rate: 3e-3,
        ..spec(Method::Ddaebm)
    };
    let mut run = TrainImages::new(game, images(60), Device::flex());
    let first = advance(&mut run, 4).generator.unwrap();
    let last = (0..4).map(|_| advance(&mut run, 9).generator.unwrap());
    let last = last.last().unwrap();
    assert!(last < 0.8 * first, "{last} after {first}");
}

#[test]
fn chains_of_the_joint_energy_move_and_are_kept() {
    let mut run = TrainImages::new(spec(Method::DaEbm), images(30), Device::flex());
    let before = snapshot(&run);
    let progress = advance(&mut run, 10);
    let after = snapshot(&run);
    assert!(progress.acceptance.iter().all(|a| (0.0..=1.0).contains(a)));
    assert!(!progress.acceptance.is_empty());
    assert!(after.healthy());
    assert_ne!(
        before.array("chains", 20 * NUMBERS),
        after.array("chains", 20 * NUMBERS)
    );
    let members = after.array("members", 20 * 5).unwrap();
    assert!(
        members
            .chunks_exact(5)
            .all(|row| row.iter().sum::<f32>() == 1.0)
    );
}

/// Energies of data less those of chains, over some iterations at the end of a run with this weight.
fn last_gap(persistence: f64) -> (TrainImages, f32) {
    let spec = TrainSpec {
        persistence,
        ..level_chains()
    };
    let mut run = TrainImages::new(spec, images(30), Device::flex());
    advance(&mut run, 30);
    let gap = advance(&mut run, 10).gap.unwrap();
    (run, gap)
}

/// Chains begin with too much or too little contrast: where they count, data comes to have less energy
/// than they have, by more than DCD alone brings about.
#[test]
fn chains_that_keep_their_levels_teach_what_images_are_not() {
    let before = snapshot(&TrainImages::new(
        level_chains(),
        images(30),
        Device::flex(),
    ));
    let (run, gap) = last_gap(1.0);
    let (_, alone) = last_gap(1e-9);
    assert!(gap < alone - 20.0, "{gap} against {alone}");
    let after = snapshot(&run);
    let array = |snapshot: &Snapshot, name, n| snapshot.array(name, n).unwrap().to_vec();
    let members = array(&after, "members", 20 * 6);
    assert_eq!(members, array(&before, "members", 20 * 6));
    let level = |row: &[f32]| row.iter().position(|m| *m == 1.0).unwrap();
    let levels: Vec<usize> = members.chunks_exact(6).map(level).collect();
    assert_eq!(levels, [[0; 10], [1; 10]].concat());
    let chains = |snapshot| array(snapshot, "chains", 20 * NUMBERS);
    assert_ne!(chains(&after), chains(&before));
}
