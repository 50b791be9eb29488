//! What the Lab page and `basin bench` time.
//!
//! Invariant: a timing is of warm kernels, lasts a second at least, ends when the device has answered, and counts
//! what was done; all chains have the same network, weights and start, whatever moves them.

use super::train2d::{Train2d, TrainError};
use super::{Reading, read};
use crate::energy::{Activation, Architecture, LevelEnergy, Mlp, membership_of};
use crate::kernel::{cpu_multiply_add, loads, multiply_add, products, set_parts};
use crate::protocol::{Subject, Timing};
use crate::rng::{Draws, Stream};
use crate::sampler::{Kernel, Noise, run};
use crate::settings::{Key, Settings};
use burn::tensor::{Device, Tensor, TensorData};
use web_time::Instant;

/// Chains that are moved, and transitions of a call by kernels and by tensor operations: the latter take
/// so long that a few must do.
pub const CHAINS: usize = 1024;
pub const TRANSITIONS: usize = 40;
pub const TRANSITIONS_BY_OPERATIONS: usize = 2;

/// Seconds of the shortest timing, lest a moment in which the host was busy decides what short work is said to do.
const LEAST: f64 = 1.0;

/// Proposal deviation of the chains.
pub const DEVIATION: f32 = 0.1;

/// The network whose chains are timed.
pub fn architecture() -> Architecture {
    Architecture {
        activation: Activation::Softplus,
        width: 128,
        depth: 3,
        levels: None,
        confinement: 0.05,
        spread: true,
    }
}

/// Where the timed chains start, `[CHAINS, 2]`.
pub fn start() -> Vec<f32> {
    let normals = Draws::new(1, Stream::Test, 0).normals(2 * CHAINS);
    normals.into_iter().map(|z| 2.0 * z).collect()
}

/// Operations of an evaluation of energy and gradient of the timed network at one point.
pub fn operations_per_evaluation() -> f64 {
    let Architecture { width, depth, .. } = architecture();
    let weights = 2 * width + (depth - 1) * width * width + width;
    // A multiplication and an addition on the way there, and on the way back.
    (4 * weights) as f64
}

/// Timed work that stays warm between timings.
#[derive(Default)]
pub struct Bench {
    training: Vec<(Subject, Train2d)>,
    warm: Vec<Subject>,
}

impl Bench {
    /// Times a subject on `device`, or on the CPU where it says so, done as often as fills a second; the first time
    /// it is done once before.
    ///
    /// # Errors
    /// If the device fails to answer.
    pub async fn time(&mut self, subject: Subject, device: &Device) -> Result<Timing, TrainError> {
        if !self.warm.contains(&subject) {
            self.once(subject, device).await?;
            self.warm.push(subject);
        }
        let mut timing = self.once(subject, device).await?;
        while timing.seconds < LEAST {
            let more = self.once(subject, device).await?;
            timing.seconds += more.seconds;
            timing.amount += more.amount;
        }
        Ok(timing)
    }

    async fn once(&mut self, subject: Subject, device: &Device) -> Result<Timing, TrainError> {
        let cpu = Device::flex();
        // A run of before may have asked for short submits.
        set_parts(1);
        match subject {
            Subject::Chains => chains(subject, TRANSITIONS, device).await,
            Subject::ChainsByOperations => chains(subject, TRANSITIONS_BY_OPERATIONS, device).await,
            Subject::CpuChains => chains(subject, TRANSITIONS, &cpu).await,
            Subject::CpuChainsByOperations => chains(subject, TRANSITIONS, &cpu).await,
            Subject::Training | Subject::TrainingByOperations => self.train(subject, device).await,
            Subject::CpuTraining | Subject::CpuTrainingByOperations => {
                self.train(subject, &cpu).await
            }
            Subject::CpuMultiplyAdd => bare(subject, Some(cpu_multiply_add)).await,
            Subject::MultiplyAdd => bare(subject, multiply_add(device)).await,
            Subject::Loads => bare(subject, loads(device)).await,
            Subject::ProductsOfTwo => bare(subject, products(device, 2)).await,
            Subject::ProductsOfFour => bare(subject, products(device, 4)).await,
            Subject::ProductsOfEight => bare(subject, products(device, 8)).await,
        }
    }

    async fn train(&mut self, subject: Subject, device: &Device) -> Result<Timing, TrainError> {
        let at = match self.training.iter().position(|(s, _)| *s == subject) {
            Some(at) => at,
            None => {
                let run = Train2d::new(preset(subject.by_operations()), device.clone())?;
                self.training.push((subject, run));
                self.training.len() - 1
            }
        };
        let iterations = if subject.by_operations() { 1 } else { 5 };
        let began = Instant::now();
        self.training[at].1.advance(iterations).await?;
        Ok(Timing {
            subject,
            seconds: began.elapsed().as_secs_f64(),
            amount: iterations as f64,
        })
    }
}

/// The playground's first run, of DA-EBM, past its warm-up.
pub fn preset(by_operations: bool) -> Settings {
    let mut settings = Settings::default();
    let kernels = if by_operations { "off" } else { "on" };
    for (key, text) in [(Key::Kernels, kernels), (Key::Warmup, "0")] {
        // Both are within their ranges.
        let _ = settings.set_text(key, text);
    }
    settings
}

/// MALA transitions of the timed chains.
async fn chains(
    subject: Subject,
    transitions: usize,
    device: &Device,
) -> Result<Timing, TrainError> {
    let architecture = architecture();
    let flat = Tensor::from_data(architecture.init(1).as_slice(), device);
    let model = match subject.by_operations() {
        true => Mlp::by_operations(&architecture, &flat),
        false => Mlp::new(&architecture, &flat),
    };
    let energy = model.at(membership_of(0, 1, 1, device));
    let x = Tensor::<2>::from_data(TensorData::new(start(), [CHAINS, 2]), device);
    let step = Tensor::<2>::full([CHAINS, 1], DEVIATION, device);
    let streams = [Stream::Proposal, Stream::Accept];
    let shape = [transitions, CHAINS, 2];
    read(vec![x.clone().into(), step.clone().into()]).await?;
    let began = Instant::now();
    let noise = Noise::draw(1, streams, 0, shape, device);
    let moved = run(Kernel::Mala, &energy, x, &step, &noise);
    read(vec![Reading::from(moved.x)]).await?;
    Ok(Timing {
        subject,
        seconds: began.elapsed().as_secs_f64(),
        amount: (CHAINS * transitions) as f64,
    })
}

/// What does one thing and nothing else.
async fn bare(
    subject: Subject,
    work: Option<impl FnOnce() -> (Tensor<1>, f64)>,
) -> Result<Timing, TrainError> {
    let work = work.ok_or_else(|| TrainError::Device("there is no GPU to time".into()))?;
    let began = Instant::now();
    let (found, amount) = work();
    read(vec![Reading::from(found)]).await?;
    Ok(Timing {
        subject,
        seconds: began.elapsed().as_secs_f64(),
        amount,
    })
}
