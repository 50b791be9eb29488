//! A model of images at work: weights on a device with their noise levels.
//!
//! Invariant: it is only made of weights that fit its networks, so nothing later can fail for their sake.

use super::{TrainError, read};
use crate::data::images::{Images, NUMBERS};
use crate::data::made::golden;
use crate::diffusion::Schedule;
use crate::energy::conv::{ConvArchitecture, ConvEnergy, ConvShape};
use crate::energy::{
    Blueprint, Energy, Layout, LevelEnergy, Network, membership_of, membership_of_labels,
};
use crate::objective::{ForwardStep, Generator};
use crate::rng::{Draws, Stream};
use crate::sampler::ancestral;
use crate::weights::{ModelSpec, WeightsError, WeightsFile};
use burn::tensor::{Device, Tensor, TensorData};

/// A generator that was trained against an energy.
pub struct ImageGenerator {
    pub rule: Generator,
    pub network: Box<dyn Network>,
    /// The noise between a level and the one above it.
    pub forward: ForwardStep,
}

/// An energy of images at every noise level.
pub struct ImageModel {
    pub spec: ModelSpec,
    pub schedule: Schedule,
    pub energy: ConvEnergy,
    pub generator: Option<ImageGenerator>,
    pub parameters: usize,
    /// Numbers in the largest map of one image, and in all its maps.
    pub largest_map: usize,
    pub maps: usize,
    pub device: Device,
}

impl ImageModel {
    /// The model of a file.
    ///
    /// # Errors
    /// If arrays are missing, unknown or of other shapes.
    pub fn new(file: &WeightsFile, device: &Device) -> Result<Self, WeightsError> {
        let architecture = ConvArchitecture::from_spec(&file.model);
        let schedule = file.model.noise.schedule();
        let drawn = architecture.draw();
        let weights = |flat: Vec<f32>| Tensor::<1>::from_data(flat.as_slice(), device);
        let mut maps: Vec<usize> = drawn.plan.sizes.iter().map(|size| size.numbers()).collect();
        let spec = file.model.generator.as_ref();
        let (flat, generator) = match spec {
            Some(spec) => {
                let shape = ConvShape::generator(spec, schedule.levels());
                maps.extend(shape.maps());
                let layouts = [&drawn.layout, shape.layout()];
                let [flat, own] = Layout::assemble(layouts, &file.arrays)?;
                let generator = ImageGenerator {
                    rule: Generator::new(&schedule, [NUMBERS, spec.latents], device),
                    network: shape.build(&weights(own)),
                    forward: ForwardStep::new(&schedule, device),
                };
                (flat, Some((shape.parameters(), generator)))
            }
            None => {
                let [flat] = Layout::assemble([&drawn.layout], &file.arrays)?;
                (flat, None)
            }
        };
        let own = generator.as_ref().map_or(0, |(parameters, _)| *parameters);
        Ok(Self {
            parameters: flat.len() + own,
            energy: ConvEnergy::new(&architecture, &weights(flat)),
            generator: generator.map(|(_, generator)| generator),
            schedule,
            largest_map: maps.iter().copied().max().unwrap_or(0),
            maps: maps.into_iter().sum(),
            spec: file.model.clone(),
            device: device.clone(),
        })
    }

    pub fn levels(&self) -> usize {
        self.schedule.levels()
    }

    /// Samples `[n, NUMBERS]`, by the generator if there is one and else along the energy's way back from
    /// noise; `key` is seed and step of their draws.
    pub fn samples(&self, n: usize, key: [u64; 2]) -> Tensor<2> {
        match &self.generator {
            Some(ImageGenerator { rule, network, .. }) => {
                rule.sample(&**network, key, n, &self.device, |_, x, _| x)
            }
            None => ancestral(
                &self.energy,
                &self.schedule,
                [n, NUMBERS],
                key,
                &self.device,
            ),
        }
    }

    /// Images as rows `[n, NUMBERS]`.
    pub fn rows(&self, images: &Images) -> Tensor<2> {
        self.matrix(images.numbers())
    }

    /// Numbers as rows `[n, NUMBERS]`.
    pub fn matrix(&self, numbers: Vec<f32>) -> Tensor<2> {
        let n = numbers.len() / NUMBERS;
        Tensor::from_data(TensorData::new(numbers, [n, NUMBERS]), &self.device)
    }

    /// The energy with all rows at level `t`.
    pub fn at(&self, t: usize) -> impl Energy + use<> {
        let member = membership_of(t, self.levels(), 1, &self.device);
        self.energy.at(member)
    }

    /// The energy with each row at a level of its own.
    pub fn at_each(&self, labels: &[usize]) -> impl Energy + use<> {
        let member = membership_of_labels(labels, self.levels(), &self.device);
        self.energy.at(member)
    }

    /// The level whose noise, in units of its signal, is nearest to this deviation.
    pub fn level_of(&self, noise: f64) -> usize {
        let far = |t: &usize| (self.relative_noise(*t).max(1e-9) / noise).ln().abs();
        let levels = 0..self.levels();
        levels.min_by(|a, b| far(a).total_cmp(&far(b))).unwrap_or(0)
    }

    /// Deviation of a level's noise in units of its signal.
    pub fn relative_noise(&self, t: usize) -> f64 {
        self.schedule.noise(t) / self.schedule.signal(t).max(1e-9)
    }

    /// Energies of the golden images, diffused to the first, middle and last level: the same weights give
    /// the same numbers on every device, to rounding.
    ///
    /// # Errors
    /// If the device fails to answer.
    pub async fn golden(&self) -> Result<Vec<f32>, TrainError> {
        let images = golden();
        let last = self.levels() - 1;
        let mut found = Vec::new();
        for t in [0, last / 2, last] {
            let noise = Draws::new(1, Stream::Evaluation, t as u64).normals(images.pixels.len());
            let [a, b] = [self.schedule.signal(t), self.schedule.noise(t)].map(|v| v as f32);
            let pairs = images.numbers().into_iter().zip(noise);
            let x = self.matrix(pairs.map(|(x, z)| a * x + b * z).collect());
            found.extend(read(vec![self.at(t).energy(x).into()]).await?.concat());
        }
        Ok(found)
    }
}

/// Largest relative difference between energies; infinite if one is no number or their counts differ.
/// Those below a thousandth of the largest are taken relative to that.
pub fn golden_error(found: &[f32], expected: &[f32]) -> f32 {
    let scale = expected.iter().fold(0.0f32, |m, e| m.max(e.abs()));
    let mut worst = 0.0f32;
    for (f, e) in found.iter().zip(expected) {
        let error = (f - e).abs() / e.abs().max(1e-3 * scale);
        worst = match error.is_finite() {
            true => worst.max(error),
            false => f32::INFINITY,
        };
    }
    match found.len() == expected.len() {
        true => worst,
        false => f32::INFINITY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::NetworkSpec;

    /// A tiny model's file.
    fn file() -> Vec<u8> {
        let mut spec = ModelSpec::named("dcd-cifar").unwrap();
        spec.network = NetworkSpec::Denoiser {
            channels: vec![4],
            blocks: 1,
        };
        let architecture = ConvArchitecture::from_spec(&spec);
        let arrays = architecture.draw().layout.arrays(&architecture.init(1));
        let file = WeightsFile {
            model: spec,
            arrays,
        };
        file.write()
    }

    #[test]
    fn broken_files_are_refused_whole_and_never_panic() {
        let whole = file();
        let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
        let device = Device::flex();
        let load = |bytes: &[u8]| {
            let file = WeightsFile::read(bytes).ok()?;
            Some((ImageModel::new(&file, &device).ok()?, file))
        };
        let (model, right) = load(&whole).unwrap();
        let (mut refused, mut other) = (0, 0);
        for case in 0..120_000u64 {
            let draws = Draws::new(case, Stream::Test, 12);
            let mut bytes = whole.clone();
            for m in 0..1 + draws.below(0, 4) {
                let place = |bound: usize| draws.below(4 * m + 1, bound.max(1) as u32) as usize;
                let value = draws.below(4 * m + 2, 256) as u8;
                match draws.below(4 * m + 3, 8) {
                    // Most of what can go wrong is in the header.
                    0..=3 => {
                        let at = place(header).min(bytes.len() - 1);
                        bytes[at] = value;
                    }
                    4 => {
                        let at = place(bytes.len());
                        bytes[at] = value;
                    }
                    5 => bytes.truncate(place(bytes.len()).max(1)),
                    6 => bytes.insert(place(header.min(bytes.len())), value),
                    _ => {
                        let at = place(header.min(bytes.len()));
                        bytes.remove(at);
                        if bytes.is_empty() {
                            bytes.push(value);
                        }
                    }
                }
            }
            match load(&bytes) {
                None => refused += 1,
                // Whatever loads is whole: every weight there, and finite.
                Some((found, file)) => {
                    other += u32::from(file != right);
                    assert_eq!(file.arrays.len(), right.arrays.len());
                    assert!(
                        file.arrays
                            .iter()
                            .all(|a| a.numbers.iter().all(|n| n.is_finite()))
                    );
                    assert_eq!(found.parameters, model.parameters);
                }
            }
        }
        assert!(
            refused > 60_000 && other > 100,
            "{refused} refused, {other} other"
        );
    }

    #[test]
    fn golden_errors_are_relative_and_see_what_is_no_number() {
        assert!((golden_error(&[101.0, -2.0], &[100.0, -2.0]) - 0.01).abs() < 1e-6);
        assert_eq!(
            golden_error(&[f32::NAN, -2.0], &[100.0, -2.0]),
            f32::INFINITY
        );
        assert_eq!(golden_error(&[1.0], &[1.0, 2.0]), f32::INFINITY);
        assert_eq!(golden_error(&[1.0, 2.0], &[1.0, 2.0]), 0.0);
    }
}
