use super::*;
use crate::data::made::golden;
use crate::energy::Blueprint;
use crate::energy::conv::{ConvArchitecture, ConvShape};
use crate::engine::block_on;
use crate::sampler::ancestral;
use crate::settings::Value;
use crate::weights::{Method, ModelSpec, WeightsFile};
use burn::tensor::Device;

/// A small model with weights that are not at zero.
fn model(method: Method) -> ImageModel {
    let spec = ModelSpec::tiny(method);
    let architecture = ConvArchitecture::from_spec(&spec);
    let flat: Vec<f32> = architecture.init(3).iter().map(|w| w + 0.005).collect();
    let mut arrays = architecture.draw().layout.arrays(&flat);
    if let Some(generator) = &spec.generator {
        let shape = ConvShape::generator(generator, 3);
        let flat = shape.init(4, Stream::Test);
        let flat: Vec<f32> = flat.iter().map(|w| w + 0.005).collect();
        arrays.extend(shape.layout().arrays(&flat));
    }
    let file = WeightsFile {
        model: spec,
        arrays,
    };
    ImageModel::new(&file, &Device::flex()).unwrap()
}

fn settings(text: &str) -> ImageSettings {
    let (settings, notices) = ImageSettings::parse(text);
    assert!(notices.is_empty(), "{notices:?}");
    settings
}

fn drawn(model: &ImageModel, settings: ImageSettings, start: Option<Vec<f32>>) -> Sampling {
    let mut sampling = Sampling::new(model, settings, start);
    while !sampling.finished() {
        block_on(sampling.advance(model)).unwrap();
    }
    let (done, total) = sampling.progress();
    assert_eq!(done, total);
    sampling
}

fn numbers(sampling: &Sampling) -> Vec<f32> {
    block_on(read(vec![sampling.x.clone().into()]))
        .unwrap()
        .concat()
}

#[test]
fn the_way_back_is_the_sampler_s_own() {
    let model = model(Method::Dcd);
    let found = numbers(&drawn(&model, settings("n=3&seed=9"), None));
    let right = ancestral(
        &model.energy,
        &model.schedule,
        [3, NUMBERS],
        [9, 0],
        &model.device,
    );
    let right = block_on(read(vec![right.into()])).unwrap().concat();
    assert_eq!(found, right);
}

/// One call a level from the seed's noise; the guess is what the network said, the state has the noise of
/// its level on it.
#[test]
fn the_generator_is_called_once_a_level() {
    let model = model(Method::Ddaebm);
    let sampling = drawn(&model, settings("n=2&sampler=generator&seed=7"), None);
    let frames: Vec<_> = sampling.path().frames().collect();
    let levels: Vec<u32> = frames.iter().map(|f| f.levels[0]).collect();
    assert_eq!(levels, [2, 1, 0]);
    let numbers = |t: &Tensor<2>| block_on(read(vec![t.clone().into()])).unwrap().concat();
    let generator = model.generator.as_ref().unwrap();
    let mut above = noise(&model, &settings("n=2&sampler=generator&seed=7"));
    for (frame, k) in frames.iter().zip([2usize, 1, 0]) {
        let [latent, noise] = [(Stream::SampleLatent, 3), (Stream::SampleNoise, NUMBERS)];
        let draw = |(stream, columns): (Stream, usize)| {
            let z = Draws::new(7, stream, k as u64).normals(2 * columns);
            Tensor::<2>::from_data(TensorData::new(z, [2, columns]), &model.device)
        };
        let inputs = crate::energy::Inputs {
            x: above.clone(),
            latent: Some(draw(latent)),
            member: membership_of(k, 3, 2, &model.device),
        };
        let guess = generator.network.output(&inputs);
        let p = model.schedule.posterior(k);
        let deviation = if k == 0 { 0.0 } else { p.deviation };
        let right = guess.clone() * p.clean + above * p.noisy + draw(noise) * deviation;
        let apart = (frame.state.clone() - right.clone()).abs().max();
        assert!(numbers(&apart.reshape([1, 1]))[0] < 1e-5, "{k}");
        if k > 0 {
            assert_eq!(numbers(&frame.guess), numbers(&guess));
        }
        above = frame.state.clone();
    }
}

#[test]
fn every_sampler_ends_with_finite_images_and_frames_of_its_whole_path() {
    for (method, text) in [
        (Method::Dcd, "n=2"),
        (Method::Dcd, "n=2&sampler=annealed&steps=3"),
        (
            Method::Dcd,
            "n=2&sampler=langevin&start=noise&t=2&transitions=12",
        ),
        (
            Method::Dcd,
            "n=2&sampler=langevin&start=noise&t=0&transitions=7&mala=off",
        ),
        (Method::DaEbm, "n=2&sampler=mixture&steps=2&transitions=9"),
        (Method::DaEbm, "n=2&sampler=annealed&steps=1"),
        (Method::DaEbm, "n=2"),
        (Method::Ddaebm, "n=2&sampler=generator"),
        (Method::Ddaebm, "n=2&sampler=generator&refine=3&step=0.1"),
        (Method::Ddaebm, "n=2"),
    ] {
        let model = model(method);
        let sampling = drawn(&model, settings(text), None);
        assert!(numbers(&sampling).iter().all(|x| x.is_finite()), "{text}");
        let (_, total) = sampling.progress();
        assert_eq!(sampling.path().len() as u64, total, "{text}");
        for frame in sampling.path().frames() {
            assert_eq!((frame.levels.len(), frame.energies.len()), (2, 2));
            assert!(frame.energies.iter().all(|e| e.is_finite()), "{text}");
        }
        // The newest frame is of the images as they are.
        let newest = sampling.path().newest().unwrap().state.clone();
        let shown = block_on(read(vec![newest.into()])).unwrap().concat();
        if !text.contains("annealed") {
            assert_eq!(shown, numbers(&sampling), "{text}");
        }
        assert_eq!(
            numbers(&sampling),
            numbers(&drawn(&model, settings(text), None))
        );
    }
}

#[test]
fn blends_begin_and_end_at_the_two_seeds() {
    let model = model(Method::Dcd);
    let blend = settings("n=3&seed=4&second=5&interpolate=on");
    let start = |text: &str| {
        let x = noise(&model, &settings(text));
        block_on(read(vec![x.into()])).unwrap().concat()
    };
    let x = block_on(read(vec![noise(&model, &blend).into()]))
        .unwrap()
        .concat();
    let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
    assert!(near(&x[..NUMBERS], &start("n=1&seed=4")));
    assert!(near(&x[2 * NUMBERS..], &start("n=1&seed=5")));
    // Lengths stay those of normals: √3072 within four of its standard errors.
    let length = |x: &[f32]| x.iter().map(|v| v * v).sum::<f32>().sqrt();
    assert!((length(&x[NUMBERS..2 * NUMBERS]) - 3072f32.sqrt()).abs() < 4.0 * 0.71);
    let last = numbers(&drawn(&model, blend, None));
    assert_ne!(last[..NUMBERS], last[NUMBERS..2 * NUMBERS]);
}

/// Between two seeds that are one, all images are one.
#[test]
fn equal_starts_stay_equal_where_draws_are_shared() {
    let text = "n=2&seed=4&second=4&interpolate=on";
    for (method, sampler) in [
        (Method::Dcd, "annealed&steps=2"),
        (Method::Ddaebm, "generator&refine=3"),
    ] {
        let model = model(method);
        let text = format!("{text}&sampler={sampler}");
        // Blends of a seed with itself are longer in the middle, and equal at both ends but for the rounding of
        // sines.
        let x = numbers(&drawn(&model, settings(&text), None));
        let gaps = x[..NUMBERS]
            .iter()
            .zip(&x[NUMBERS..])
            .map(|(a, b)| (a - b).abs());
        let (gap, most) = (
            gaps.fold(0.0, f32::max),
            x.iter().fold(0.0f32, |m, x| m.max(x.abs())),
        );
        assert!(gap < 1e-3 * most, "{sampler}: {gap} of {most}");
    }
}

#[test]
fn chains_start_where_they_are_told_and_adapt_towards_acceptance() {
    let model = model(Method::Dcd);
    let start = golden().part(0, 2).numbers();
    let mut text = settings("sampler=langevin&t=2&transitions=400&step=1");
    text.set(ImageKey::Count, Value::Int(64));
    let sampling = drawn(&model, text, Some(start.clone()));
    let first = sampling.path().frame(0).unwrap();
    let x = block_on(read(vec![first.state.clone().into()]))
        .unwrap()
        .concat();
    assert_eq!(x, start);
    let newest: Vec<f32> = sampling.path().frames().map(|f| f.acceptance).collect();
    let late = &newest[newest.len() / 2..newest.len() - 1];
    let mean = late.iter().sum::<f32>() / late.len() as f32;
    assert!((0.4..0.75).contains(&mean), "{mean}");
}
