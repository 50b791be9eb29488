//! What `basin bench --export` writes for rivals: the timed networks, and what they should give.
//!
//! Invariant: energies and gradients are found by tensor operations on the CPU, not by the kernels.

use basin::data::Density;
use basin::diffusion::Schedule;
use basin::energy::{Architecture, Energy, LevelEnergy, Mlp, membership_of_labels};
use basin::engine::{TrainError, bench, numbers_of};
use basin::objective::{contrast, initial_steps};
use basin::rng::{Draws, Stream};
use basin::sampler::Labelled;
use basin::settings::Key;
use burn::tensor::{Device, Tensor, TensorData};
use serde_json::{Value, json};

/// Both problems: the chains, and a training that rivals can follow from its settings.
///
/// # Errors
/// If the device fails to answer.
pub async fn problem() -> Result<Value, TrainError> {
    Ok(json!({
        "operations": bench::operations_per_evaluation(),
        "chains": chains().await?,
        "training": training().await?,
    }))
}

async fn chains() -> Result<Value, TrainError> {
    let batch = Batch {
        points: bench::start(),
        labels: vec![0; bench::CHAINS],
    };
    let mut found = network(&bench::architecture(), &batch).await?;
    found["deviation"] = json!(bench::DEVIATION);
    Ok(found)
}

/// The playground's DA-EBM run. Half the points of its check are taken for data, half for chains.
async fn training() -> Result<Value, TrainError> {
    let settings = bench::preset(true);
    let schedule = Schedule::from_settings(&settings);
    let architecture = Architecture::from_settings(&settings);
    let (levels, half) = (schedule.levels(), settings.int(Key::Chains));
    let batch = Batch {
        points: bench::start()[..4 * half].to_vec(),
        labels: (0..2 * half).map(|i| i % levels).collect(),
    };
    let mut found = network(&architecture, &batch).await?;
    let device = Device::flex();
    let weights = Tensor::from_data(architecture.init(1).as_slice(), &device);
    let part = |from: usize| Labelled {
        x: batch.x(&device).narrow(0, from, half),
        member: batch.member(levels, &device).narrow(0, from, half),
    };
    let model = Mlp::by_operations(&architecture, &weights);
    let slope = contrast(&model, &part(0), &part(half)).gradient;
    let density = Density::from_settings(&settings).map_err(TrainError::Data)?;
    let size = settings.int(Key::Buffer);
    let clean = density.sample(size, &Draws::new(1, Stream::Data, 0));
    let of_level = |f: fn(&Schedule, usize) -> f64| -> Vec<f64> {
        (0..levels).map(|t| f(&schedule, t)).collect()
    };
    let more = json!({
        "slope": numbers_of(slope).await?,
        "clean": clean.as_flattened(),
        "signal": of_level(Schedule::signal),
        "noise": of_level(Schedule::noise),
        "deviations": initial_steps(&settings, &schedule),
        "chains": half,
        "transitions": settings.int(Key::Steps),
        "rate": settings.float(Key::LearningRate),
        "beta1": settings.float(Key::Beta1),
        "beta2": settings.float(Key::Beta2),
        "clip": settings.float(Key::Clip),
    });
    if let (Value::Object(found), Value::Object(mut more)) = (&mut found, more) {
        found.append(&mut more);
    }
    Ok(found)
}

/// Points, row by row, and their levels.
struct Batch {
    points: Vec<f32>,
    labels: Vec<usize>,
}

impl Batch {
    fn x(&self, device: &Device) -> Tensor<2> {
        let points = TensorData::new(self.points.clone(), [self.labels.len(), 2]);
        Tensor::from_data(points, device)
    }

    fn member(&self, levels: usize, device: &Device) -> Tensor<2> {
        membership_of_labels(&self.labels, levels, device)
    }
}

/// A fresh network, and what it says of a batch.
async fn network(architecture: &Architecture, batch: &Batch) -> Result<Value, TrainError> {
    let device = Device::flex();
    let weights = architecture.init(1);
    let flat = Tensor::from_data(weights.as_slice(), &device);
    let member = batch.member(architecture.levels.unwrap_or(1), &device);
    let model = Mlp::by_operations(architecture, &flat).at(member);
    let (energies, gradients) = model.energy_and_grad(batch.x(&device));
    let layout = architecture.layout();
    let shapes: Vec<[usize; 2]> = layout.blocks.iter().map(|block| block.shape).collect();
    Ok(json!({
        "width": architecture.width,
        "depth": architecture.depth,
        "levels": architecture.levels,
        "confinement": architecture.confinement,
        "shapes": shapes,
        "weights": weights,
        "points": batch.points,
        "labels": batch.labels,
        "energies": numbers_of(energies).await?,
        "gradients": numbers_of(gradients).await?,
    }))
}
