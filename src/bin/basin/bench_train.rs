//! `basin bench train`: how fast an energy of images is trained, and where the time goes.

use crate::arguments;
use basin::data::export::npy;
use basin::data::images::{Images, NUMBERS};
use basin::data::made::Made;
use basin::energy::Energy;
use basin::engine::images::{TrainImages, TrainSpec};
use basin::engine::model::ImageModel;
use basin::engine::{block_on, numbers_of};
use basin::rng::{Draws, Stream};
use basin::weights::WeightsFile;
use clap::{Arg, ArgMatches, Command, value_parser};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Iterations before the clock runs.
const WARM: u64 = 2;

pub fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| Arg::new(name).long(name).help(help);
    Command::new("train")
        .about("Times the training of an energy of images, on images made for it")
        .args([
            flag("weights", "Weights whose network is trained on (safetensors)")
                .default_value("www/weights/dcd-cifar.safetensors")
                .value_parser(value_parser!(PathBuf)),
            flag("batch", "Images of an iteration")
                .default_value("64")
                .value_parser(value_parser!(u64).range(1..=4096)),
            flag("iterations", "Timed iterations; the median is printed")
                .default_value("15")
                .value_parser(value_parser!(u64).range(1..)),
            flag("check", "Write a batch with its energies and loss to this folder, for another implementation")
                .value_parser(value_parser!(PathBuf)),
            arguments::device(),
        ])
}

pub fn run(matches: &ArgMatches) -> Result<(), String> {
    let device = arguments::open_device(matches)?;
    let number = |name: &str| matches.get_one::<u64>(name).copied().unwrap_or(1);
    let missing = || "--weights is missing".to_owned();
    let path = matches.get_one::<PathBuf>("weights").ok_or_else(missing)?;
    let bytes = fs::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    let file = WeightsFile::read(&bytes).map_err(|e| format!("{}: {e}", path.display()))?;
    let model = ImageModel::new(&file, &device).map_err(|e| e.to_string())?;
    let batch = number("batch") as usize;
    let kinds = Made::ALL.iter().cycle().take(batch);
    let images = (0..).zip(kinds).flat_map(|(i, made)| made.image(i).pixels);
    let images = Images {
        pixels: images.collect(),
    };
    if let Some(folder) = matches.get_one::<PathBuf>("check") {
        return check(&model, &images, folder);
    }
    let spec = TrainSpec {
        batch,
        iterations: WARM + number("iterations"),
        ..TrainSpec::of(file.model.clone())
    };
    spec.check()?;
    let mut run = TrainImages::new(spec, images.clone(), device);
    run.start_from(&file).map_err(|e| e.to_string())?;
    block_on(run.advance(WARM)).map_err(|e| e.to_string())?;
    let before = run.phases();
    let mut times = Vec::new();
    while !run.finished() {
        let began = Instant::now();
        block_on(run.advance(1)).map_err(|e| e.to_string())?;
        times.push(began.elapsed().as_secs_f64());
    }
    let score = || -> Result<f64, String> {
        let began = Instant::now();
        let (_, grad) = model
            .at(model.levels() / 2)
            .energy_and_grad(model.rows(&images));
        block_on(numbers_of(grad)).map_err(|e| e.to_string())?;
        Ok(began.elapsed().as_secs_f64())
    };
    score()?;
    let mut scores = (0..5).map(|_| score()).collect::<Result<Vec<_>, _>>()?;
    for list in [&mut times, &mut scores] {
        list.sort_by(f64::total_cmp);
    }
    let median = |list: &[f64]| list[list.len() / 2];
    let (step, all) = (median(&times), times.iter().sum::<f64>());
    let phases = run.phases();
    let share = |after: f64, before: f64| 100.0 * (after - before) / all;
    println!(
        "{}: {} parameters, batch {batch}, {} iterations",
        model.spec.name,
        model.parameters,
        times.len()
    );
    println!(
        "{:>9.1} images a second; {:.0} ms an iteration (median; {:.0} to {:.0})",
        batch as f64 / step,
        step * 1e3,
        times[0] * 1e3,
        times[times.len() - 1] * 1e3
    );
    println!(
        "{:>9.1} % batch and noise",
        share(phases.batch, before.batch)
    );
    println!(
        "{:>9.1} % loss and gradient",
        share(phases.gradient, before.gradient)
    );
    println!(
        "{:>9.1} % clipping, Adam and average",
        share(phases.optimiser, before.optimiser)
    );
    println!(
        "{:>9.1} % of it is what energies and their gradients in x alone take ({:.0} ms)",
        100.0 * median(&scores) / step,
        median(&scores) * 1e3
    );
    Ok(())
}

/// Writes a batch, its noise, levels and energies, and its loss.
fn check(model: &ImageModel, images: &Images, folder: &Path) -> Result<(), String> {
    let n = images.len();
    let draws = Draws::new(1, Stream::Test, 0);
    let levels: Vec<usize> = (0..n)
        .map(|i| draws.below(i as u32, model.levels() as u32) as usize)
        .collect();
    let noise = Draws::new(2, Stream::Test, 0).normals(n * NUMBERS);
    let clean = images.numbers();
    let rows = clean
        .chunks_exact(NUMBERS)
        .zip(noise.chunks_exact(NUMBERS))
        .zip(&levels);
    let x: Vec<f32> = rows
        .flat_map(|((x, z), &t)| {
            let noise = model.schedule.noise(t) as f32;
            x.iter().zip(z).map(move |(x, z)| x + noise * z)
        })
        .collect();
    let (energy, grad) = model
        .at_each(&levels)
        .energy_and_grad(model.matrix(x.clone()));
    let energy = block_on(numbers_of(energy)).map_err(|e| e.to_string())?;
    let grad = block_on(numbers_of(grad)).map_err(|e| e.to_string())?;
    let deviation = basin::energy::conv::DATA_DEVIATION;
    let loss: f64 = grad
        .chunks_exact(NUMBERS)
        .zip(noise.chunks_exact(NUMBERS))
        .zip(&levels)
        .map(|((g, z), &t)| {
            let s = model.schedule.noise(t);
            let miss = g
                .iter()
                .zip(z)
                .map(|(g, z)| (s * f64::from(*g) - f64::from(*z)).powi(2));
            0.5 * (1.0 + (s / deviation).powi(2)) * miss.sum::<f64>() / (n * NUMBERS) as f64
        })
        .sum();
    let facts = json!({
        "levels": levels,
        "noise": (0..model.levels()).map(|t| model.schedule.noise(t)).collect::<Vec<_>>(),
        "energies": energy,
        "loss": loss,
    });
    let put = |name: &str, bytes: &[u8]| {
        let file = folder.join(name);
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&file, bytes))
            .map_err(|e| format!("{}: {e}", file.display()))
    };
    put("x.npy", &npy(&x))?;
    put("z.npy", &npy(&noise))?;
    put("check.json", facts.to_string().as_bytes())?;
    println!("wrote {n} noised images to {}", folder.display());
    Ok(())
}
