//! What a training of images minimises, by its spec.
//!
//! Invariant: spec and training images alone decide where chains and other networks begin.

use super::TrainSpec;
use crate::data::images::{Images, NUMBERS, number};
use crate::diffusion::Schedule;
use crate::energy::conv::{ConvEnergy, ConvShape, DATA_DEVIATION};
use crate::energy::{Blueprint, membership_of_labels};
use crate::objective::{
    Generator, LevelChains, LevelDcd, Objective, ReplayBuffer, Rules, adversarial, joint,
};
use crate::rng::{Draws, Stream};
use crate::weights::Method;
use burn::tensor::{Device, Tensor, TensorData};
use std::rc::Rc;

/// Diffuses images `[n, NUMBERS]` to the level given for each, with standard normals of their number.
pub fn diffuse(x: &mut [f32], noise: &[f32], labels: &[usize], schedule: &Schedule) {
    let rows = x.chunks_exact_mut(NUMBERS).zip(noise.chunks_exact(NUMBERS));
    for ((row, noise), &t) in rows.zip(labels) {
        let (a, b) = (schedule.signal(t) as f32, schedule.noise(t) as f32);
        row.iter_mut()
            .zip(noise)
            .for_each(|(x, z)| *x = a * *x + b * z);
    }
}

/// The objective of a spec at its beginning.
pub fn objective(
    spec: &TrainSpec,
    schedule: &Schedule,
    data: &Images,
    device: &Device,
) -> Box<dyn Objective<ConvEnergy>> {
    let dcd = || LevelDcd::new(schedule, DATA_DEVIATION, spec.diffusion_step, device);
    match spec.model.method {
        Method::Dcd => Box::new(dcd()),
        Method::Ddaebm => {
            let levels = schedule.levels();
            // Without a floor, the cleanest level's reconstruction would outweigh all others (released
            // code for LSUN).
            let least = schedule.posterior(1.min(levels - 1)).deviation;
            let deviation = |k: usize| schedule.posterior(k).deviation;
            let rules = Rules {
                penalty: vec![spec.penalty; levels],
                variance: (0..levels)
                    .map(|k| deviation(k).max(least).powi(2))
                    .collect(),
                reach: vec![1.0; levels],
                jeffrey: true,
                posterior: true,
                shown: 0,
            };
            let spec_of = spec.model.generator.as_ref();
            let sizes = spec_of.expect("a checked spec of DDAEBM has a generator");
            let generator = Generator::new(schedule, [NUMBERS, sizes.latents], device);
            let networks: [Rc<dyn Blueprint>; 2] = [
                Rc::new(ConvShape::generator(sizes, levels)),
                Rc::new(ConvShape::posterior(sizes, levels)),
            ];
            adversarial(generator, networks, rules, schedule, spec.seed, device)
        }
        Method::DaEbm => {
            let (homes, buffer) = chains(spec, schedule, data, device);
            match spec.persistence > 0.0 {
                true => Box::new(LevelChains::new(
                    dcd(),
                    homes,
                    buffer,
                    schedule,
                    spec.persistence,
                )),
                false => joint(buffer),
            }
        }
    }
}

/// Training images `[chains, NUMBERS]`, and chains that begin at them, diffused to levels in equal blocks:
/// chains that start where the model is to be need not find it first. Those that keep their levels begin
/// with more or less contrast, so that training sees from the start where long chains would drift to.
fn chains(
    spec: &TrainSpec,
    schedule: &Schedule,
    data: &Images,
    device: &Device,
) -> (Tensor<2>, ReplayBuffer) {
    let (n, levels) = (spec.buffer, schedule.levels());
    let (blocks, spread) = match spec.persistence > 0.0 {
        true => (spec.chain_levels.min(levels), spec.spread),
        false => (levels, 1.0),
    };
    let labels: Vec<usize> = (0..n).map(|i| i * blocks / n).collect();
    let pick = Draws::new(spec.seed, Stream::BufferPick, u64::MAX);
    let mut homes = Vec::with_capacity(n * NUMBERS);
    for i in 0..n as u32 {
        let image = data.image(pick.below(i, data.len() as u32) as usize);
        homes.extend(image.iter().map(|&byte| number(byte)));
    }
    let mut x = homes.clone();
    for (i, row) in x.chunks_exact_mut(NUMBERS).enumerate() {
        let factor = spread.powf(f64::from(2.0 * pick.uniform((n + i) as u32) - 1.0)) as f32;
        let mean = row.iter().sum::<f32>() / NUMBERS as f32;
        row.iter_mut()
            .for_each(|x| *x = mean + factor * (*x - mean));
    }
    let noise = Draws::new(spec.seed, Stream::BufferStart, 0).normals(n * NUMBERS);
    diffuse(&mut x, &noise, &labels, schedule);
    let tensor = |x: Vec<f32>| Tensor::from_data(TensorData::new(x, [n, NUMBERS]), device);
    let member = membership_of_labels(&labels, levels, device);
    (tensor(homes), ReplayBuffer::new(tensor(x), member))
}
