//! Training an energy of images.
//!
//! Invariant: as in the plane, iteration i depends on the spec, the data, the state after i - 1 iterations
//! and draws keyed by i; not on when it is observed or checkpointed.

mod batch;
mod objective;
mod snapshot;
mod spec;

pub use snapshot::{Snapshot, SnapshotError};
pub use spec::TrainSpec;

use super::{Reading, TrainError, read};
use crate::data::images::{Images, NUMBERS};
use crate::diffusion::Schedule;
use crate::energy::Layout;
use crate::energy::conv::{ConvArchitecture, ConvEnergy, ConvShape};
use crate::objective::{Adam, AdamSettings, Averaged, Objective, ReplayBuffer, Update};
use crate::sampler::{JumpKind, Kernel, adapt, ancestral};
use crate::weights::{ModelSpec, WeightsError, WeightsFile};
use burn::tensor::{Device, Tensor};
use objective::objective;
use web_time::Instant;

/// Iterations between two adaptations of the chains' steps.
const ADAPT_EVERY: u64 = 50;

/// What was found since the last report.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    pub iteration: u64,
    /// Images seen.
    pub images: u64,
    /// Seconds spent on all iterations.
    pub seconds: f64,
    /// Mean loss, and the length of the last gradient.
    pub loss: f32,
    /// Mean loss of the generator's turn, where there is one.
    pub generator: Option<f32>,
    /// Mean energy of data less that of chains, where that is only part of the loss.
    pub gap: Option<f32>,
    pub gradient: f32,
    pub learning_rate: f64,
    /// Mean acceptance of each level's chains, where there are any.
    pub acceptance: Vec<f32>,
}

/// Seconds that the host spent on each part of its iterations. Where a device works behind the host, only
/// handing the work over counts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Phases {
    /// Picking images, mirroring and noising them.
    pub batch: f64,
    /// Losses and gradients, with a generator its step too.
    pub gradient: f64,
    /// Clipping, Adam and the running average.
    pub optimiser: f64,
}

/// A run: an energy of images, its optimiser and its chains.
pub struct TrainImages {
    spec: TrainSpec,
    schedule: Schedule,
    architecture: ConvArchitecture,
    device: Device,
    data: Images,
    flat: Tensor<1>,
    average: Tensor<1>,
    adam: Adam,
    objective: Box<dyn Objective<ConvEnergy>>,
    /// `[levels]` proposal deviations.
    steps: Tensor<1>,
    /// `[levels, 2]` accepted shares and moves since the last adaptation, and since the last report.
    window: Tensor<2>,
    since_report: Tensor<2>,
    iteration: u64,
    seconds: f64,
    /// How often the run went back to a checkpoint because training ran away.
    rollbacks: u32,
    losses: Vec<Tensor<1>>,
    /// Of the generator's turns.
    answers: Vec<Tensor<1>>,
    /// Energies of data less those of chains.
    gaps: Vec<Tensor<1>>,
    gradient: Option<Tensor<1>>,
    phases: Phases,
}

impl TrainImages {
    /// A run at iteration 0, on these training images.
    pub fn new(spec: TrainSpec, data: Images, device: Device) -> Self {
        let schedule = spec.model.noise.schedule();
        let architecture = ConvArchitecture::from_spec(&spec.model);
        let weights = architecture.init(spec.seed);
        let flat = Tensor::<1>::from_data(weights.as_slice(), &device);
        let levels = schedule.levels();
        let steps: Vec<f32> = (0..levels)
            .map(|t| (spec.step_size * schedule.beta(t.max(1)).sqrt()) as f32)
            .collect();
        Self {
            objective: objective(&spec, &schedule, &data, &device),
            adam: Adam::new(weights.len(), &device),
            average: flat.clone(),
            steps: Tensor::from_data(steps.as_slice(), &device),
            window: Tensor::zeros([levels, 2], &device),
            since_report: Tensor::zeros([levels, 2], &device),
            iteration: 0,
            seconds: 0.0,
            rollbacks: 0,
            losses: Vec::new(),
            answers: Vec::new(),
            gaps: Vec::new(),
            gradient: None,
            phases: Phases::default(),
            spec,
            schedule,
            architecture,
            device,
            data,
            flat,
        }
    }

    pub fn spec(&self) -> &TrainSpec {
        &self.spec
    }

    /// Where the time went since the run was made or resumed.
    pub fn phases(&self) -> Phases {
        self.phases
    }

    /// Iterations done.
    pub fn iteration(&self) -> u64 {
        self.iteration
    }

    pub fn rollbacks(&self) -> u32 {
        self.rollbacks
    }

    pub fn finished(&self) -> bool {
        self.iteration >= self.spec.iterations
    }

    /// The network at its averaged weights.
    pub fn model(&self) -> ConvEnergy {
        ConvEnergy::new(&self.architecture, &self.average)
    }

    /// `[n, NUMBERS]` samples, by the generator if there is one and else by the energy's way back from noise;
    /// the same ones whenever they are drawn.
    pub fn samples(&self, n: usize) -> Tensor<2> {
        match self.objective.generator() {
            Some((generator, network)) => {
                generator.sample(&*network, [0, 0], n, &self.device, |_, x, _| x)
            }
            None => ancestral(
                &self.model(),
                &self.schedule,
                [n, NUMBERS],
                [0, 0],
                &self.device,
            ),
        }
    }

    /// Does `count` iterations, or fewer if the run's length comes first.
    ///
    /// # Errors
    /// If the device fails to answer.
    pub async fn advance(&mut self, count: u64) -> Result<(), TrainError> {
        let began = Instant::now();
        for _ in 0..count {
            if self.finished() {
                break;
            }
            self.iterate();
            if self.iteration.is_multiple_of(ADAPT_EVERY) {
                self.adapt_steps();
            }
        }
        read(vec![self.flat.clone().slice(0..1).into()]).await?;
        self.seconds += began.elapsed().as_secs_f64();
        Ok(())
    }

    /// What the iterations since the last report found.
    ///
    /// # Errors
    /// If the device fails to answer.
    pub async fn progress(&mut self) -> Result<Progress, TrainError> {
        let zero = || Tensor::<1>::zeros([1], &self.device);
        let mean = |losses: Vec<Tensor<1>>| match losses.is_empty() {
            true => zero(),
            false => Tensor::cat(losses, 0).mean(),
        };
        let [answered, compared] = [&self.answers, &self.gaps].map(|l| !l.is_empty());
        let loss = mean(std::mem::take(&mut self.losses));
        let answer = mean(std::mem::take(&mut self.answers));
        let gap = mean(std::mem::take(&mut self.gaps));
        let gradient = self.gradient.clone().unwrap_or_else(zero);
        let empty = self.since_report.zeros_like();
        let moved = std::mem::replace(&mut self.since_report, empty);
        let readings: Vec<Reading> = vec![
            loss.into(),
            gradient.into(),
            moved.into(),
            answer.into(),
            gap.into(),
        ];
        let found = read(readings).await?;
        let levels = found[2].chunks_exact(2).filter(|l| l[1] > 0.0);
        Ok(Progress {
            iteration: self.iteration,
            images: self.iteration * self.spec.batch as u64,
            seconds: self.seconds,
            loss: found[0][0],
            generator: answered.then(|| found[3][0]),
            gap: compared.then(|| found[4][0]),
            gradient: found[1][0],
            learning_rate: self.rate(),
            acceptance: levels.map(|l| l[0] / l[1]).collect(),
        })
    }

    /// The learning rate of the next iteration: halved every time that training ran away.
    fn rate(&self) -> f64 {
        self.spec.rate(self.iteration) * 0.5f64.powi(self.rollbacks as i32)
    }

    /// The seed of draws: another one after training ran away, or it would run the same way.
    fn seed(&self) -> u64 {
        self.spec.seed + (u64::from(self.rollbacks) << 32)
    }

    fn iterate(&mut self) {
        let began = Instant::now();
        let data = self.batch();
        let drawn = Instant::now();
        let model = ConvEnergy::new(&self.architecture, &self.flat);
        let s = &self.spec;
        let adam = AdamSettings {
            learning_rate: self.rate(),
            beta1: s.beta1,
            beta2: s.beta2,
        };
        let update = Update {
            model: &model,
            steps: &self.steps,
            kernel: match self.iteration < s.warmup {
                true => Kernel::Ula,
                false => Kernel::Mala,
            },
            jump: JumpKind::Global,
            transitions: s.transitions,
            data: &data,
            seed: self.seed(),
            iteration: self.iteration,
            reinit: 0.0,
            proposals: 0,
            correction: 0,
            entropy: s.entropy,
            other: AdamSettings {
                learning_rate: adam.learning_rate * s.generator_rate,
                ..adam
            },
            clip: s.clip,
            memory: s.ema,
            device: &self.device,
        };
        let found = self.objective.descend(&update);
        let found_at = Instant::now();
        let mut weights = self.flat.clone();
        let average = Averaged {
            average: &mut self.average,
            memory: s.ema,
            iteration: self.iteration,
        };
        let gradient = found.contrast.gradient;
        let norm = self
            .adam
            .descend(&mut weights, Some(average), gradient, s.clip, adam, true);
        self.flat = weights;
        if let Some(moved) = found.moved {
            self.window = self.window.clone() + moved.acceptance.clone();
            self.since_report = self.since_report.clone() + moved.acceptance;
        }
        let stepped_at = Instant::now();
        let moved_on = ConvEnergy::new(&self.architecture, &self.flat);
        let answer = self.objective.respond(&update, &moved_on);
        let answered_at = Instant::now();
        self.answers.extend(answer);
        self.gaps.extend(found.gap);
        self.losses.push(found.contrast.loss);
        self.gradient = Some(norm);
        self.iteration += 1;
        self.phases.batch += (drawn - began).as_secs_f64();
        let answering = answered_at - stepped_at;
        self.phases.gradient += (found_at - drawn + answering).as_secs_f64();
        self.phases.optimiser += (stepped_at - found_at).as_secs_f64();
    }

    fn adapt_steps(&mut self) {
        let empty = self.window.zeros_like();
        let window = std::mem::replace(&mut self.window, empty);
        if self.iteration >= self.spec.warmup + ADAPT_EVERY {
            let ceiling = self.steps.ones_like() * 1.5;
            self.steps = adapt(self.steps.clone(), window, ceiling);
        }
    }

    /// Starts from these weights in place of fresh ones, with an optimiser that knows nothing yet. A
    /// posterior is in no file: it starts fresh.
    ///
    /// # Errors
    /// If they are of another network.
    pub fn start_from(&mut self, weights: &WeightsFile) -> Result<(), WeightsError> {
        let energy = self.architecture.draw().layout;
        let vector = |flat: Vec<f32>| Tensor::<1>::from_data(flat.as_slice(), &self.device);
        match generator_shape(&self.spec.model) {
            Some(generator) => {
                let layouts = [&energy, generator.layout()];
                let [flat, generator] = Layout::assemble(layouts, &weights.arrays)?;
                let generator = vector(generator);
                let own = self.objective.arrays().into_iter();
                let own = own.map(|(name, array)| match name.as_str() {
                    "generator/weights" | "generator/average" => generator.clone(),
                    _ => array,
                });
                self.objective.restore_arrays(own.collect(), 0);
                self.flat = vector(flat);
            }
            None => {
                let [flat] = Layout::assemble([&energy], &weights.arrays)?;
                self.flat = vector(flat);
            }
        }
        self.average = self.flat.clone();
        Ok(())
    }

    /// The averaged weights.
    ///
    /// # Errors
    /// If the device fails to give them back.
    pub async fn weights(&self) -> Result<WeightsFile, TrainError> {
        let mut readings: Vec<Reading> = vec![self.average.clone().into()];
        let own = self.objective.arrays().into_iter();
        let average = own.filter(|(name, _)| name == "generator/average");
        readings.extend(average.map(|(_, array)| Reading::from(array)));
        let found = read(readings).await?;
        let mut arrays = self.architecture.draw().layout.arrays(&found[0]);
        if let (Some(shape), Some(flat)) = (generator_shape(&self.spec.model), found.get(1)) {
            arrays.extend(shape.layout().arrays(flat));
        }
        Ok(WeightsFile {
            model: self.spec.model.clone(),
            arrays,
        })
    }

    /// Everything the run depends on.
    ///
    /// # Errors
    /// If the device fails to give it back.
    pub async fn snapshot(&self) -> Result<Snapshot, TrainError> {
        let mut named: Vec<(&str, Reading)> = vec![
            ("weights", self.flat.clone().into()),
            ("average", self.average.clone().into()),
            ("first", self.adam.first.clone().into()),
            ("second", self.adam.second.clone().into()),
            ("steps", self.steps.clone().into()),
            ("window", self.window.clone().into()),
        ];
        if let Some(buffer) = self.objective.buffer() {
            named.push(("chains", buffer.chains.x.clone().into()));
            named.push(("members", buffer.chains.member.clone().into()));
        }
        let named = named
            .into_iter()
            .map(|(name, array)| (name.to_owned(), array));
        let own = self.objective.arrays().into_iter();
        let own = own.map(|(name, array)| (name, array.into()));
        let (names, readings): (Vec<_>, Vec<_>) = named.chain(own).unzip();
        let arrays = read(readings).await?;
        Ok(Snapshot {
            spec: self.spec.clone(),
            iteration: self.iteration,
            seconds: self.seconds,
            rollbacks: self.rollbacks,
            arrays: names.into_iter().zip(arrays).collect(),
        })
    }

    /// A run that goes on from a snapshot, with the same training images.
    ///
    /// # Errors
    /// If an array is missing or does not fit.
    pub fn resume(snapshot: Snapshot, data: Images, device: Device) -> Result<Self, SnapshotError> {
        let mut run = Self::new(snapshot.spec.clone(), data, device);
        run.restore(snapshot)?;
        Ok(run)
    }

    /// Goes back to a snapshot of this run, with a smaller learning rate and other draws.
    ///
    /// # Errors
    /// If an array is missing or does not fit.
    pub fn roll_back(&mut self, snapshot: Snapshot) -> Result<(), SnapshotError> {
        let rollbacks = self.rollbacks + 1;
        self.restore(snapshot)?;
        self.rollbacks = rollbacks;
        self.losses.clear();
        self.answers.clear();
        self.gaps.clear();
        Ok(())
    }

    fn restore(&mut self, snapshot: Snapshot) -> Result<(), SnapshotError> {
        let levels = self.schedule.levels();
        let [parameters] = self.flat.dims();
        let vector = |name: &str, entries: usize| {
            let numbers = snapshot.array(name, entries)?;
            Ok(Tensor::<1>::from_data(numbers, &self.device))
        };
        let flat = vector("weights", parameters)?;
        let average = vector("average", parameters)?;
        let first = vector("first", parameters)?;
        let second = vector("second", parameters)?;
        let steps = vector("steps", levels)?;
        let window = vector("window", levels * 2)?;
        let chains = match self.objective.buffer().map(ReplayBuffer::size) {
            Some(n) => Some(ReplayBuffer::new(
                vector("chains", n * NUMBERS)?.reshape([n, NUMBERS]),
                vector("members", n * levels)?.reshape([n, levels]),
            )),
            None => None,
        };
        let own = self.objective.arrays().into_iter();
        let own = own.map(|(name, array)| vector(&name, array.dims()[0]));
        let own = own.collect::<Result<_, _>>()?;
        self.objective.restore_arrays(own, snapshot.iteration);
        self.flat = flat;
        self.average = average;
        self.adam = Adam {
            first,
            second,
            steps: snapshot.iteration,
        };
        self.steps = steps;
        self.window = window.reshape([levels, 2]);
        if let Some(chains) = chains {
            self.objective.restore(chains);
        }
        self.iteration = snapshot.iteration;
        self.seconds = snapshot.seconds;
        self.rollbacks = snapshot.rollbacks;
        Ok(())
    }
}

/// The generator's network, of models that have one.
fn generator_shape(model: &ModelSpec) -> Option<ConvShape> {
    let spec = model.generator.as_ref()?;
    Some(ConvShape::generator(spec, model.noise.schedule().levels()))
}

#[cfg(test)]
mod tests;
