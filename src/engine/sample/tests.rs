use super::*;
use crate::data::made::golden;
use crate::energy::conv::ConvArchitecture;
use crate::engine::block_on;
use crate::sampler::ancestral;
use crate::settings::Value;
use crate::weights::{Method, ModelSpec, NetworkSpec, NoiseSpec, WeightsFile};
use burn::tensor::Device;

/// A small model with weights that are not at zero.
fn model(method: Method) -> ImageModel {
    let mut spec = ModelSpec::named("dcd-cifar").unwrap();
    spec.method = method;
    let channels = vec![4, 8];
    (spec.network, spec.noise) = match method {
        Method::Dcd => (
            NetworkSpec::Denoiser {
                channels,
                blocks: 1,
            },
            NoiseSpec::Ve {
                levels: 5,
                least: 0.05,
                most: 5.0,
            },
        ),
        Method::DaEbm => (
            NetworkSpec::Residual {
                channels,
                blocks: 1,
            },
            NoiseSpec::Ramp {
                steps: 4,
                first: 0.1,
                last: 0.4,
            },
        ),
    };
    let architecture = ConvArchitecture::from_spec(&spec);
    let flat: Vec<f32> = architecture.init(3).iter().map(|w| w + 0.005).collect();
    let arrays = architecture.arrays(&flat);
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
