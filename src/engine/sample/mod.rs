//! Drawing images from an energy, step by step, with the path kept.
//!
//! Invariant: a sampling is a function of model, settings and start; when it is looked at, paused or
//! stepped changes nothing. Frames are kept evenly along the path, the first and the newest always.

pub mod path;

pub use path::{Frame, Path};

use super::model::ImageModel;
use super::{Reading, TrainError, read};
use crate::data::images::NUMBERS;
use crate::energy::{Energy, membership_of};
use crate::objective::{GeneratorNoise, recover};
use crate::rng::{Draws, Stream};
use crate::sampler::{
    Jump, JumpKind, Kernel, Labelled, Noise, adapt, mixture_transition, posterior_draw, run,
};
use crate::settings::{ImageKey, ImageSettings};
use burn::tensor::{Tensor, TensorData};

/// Transitions of a long chain between two frames, whose noise is drawn at once.
const STRETCH: usize = 5;

/// Least deviation that a step is measured by, where a level has no noise.
const LEAST: f64 = 0.01;

/// Where the images are.
enum State {
    /// On the way back from noise, at a level and a number of steps done there.
    Ancestral {
        level: usize,
    },
    Annealed {
        level: usize,
        done: usize,
    },
    /// Chains at one level, with the size of their steps.
    Langevin {
        step: f64,
    },
    Mixture(Box<Walk>),
    /// The generator's next call draws this level.
    Generator {
        level: usize,
    },
    Done,
}

/// Chains that walk over the levels, with the size of the steps at each.
struct Walk {
    member: Tensor<2>,
    steps: Tensor<1>,
}

/// Images being drawn.
pub struct Sampling {
    settings: ImageSettings,
    x: Tensor<2>,
    state: State,
    /// Steps done, of all; a step is what one [`Sampling::advance`] does.
    done: u64,
    total: u64,
    path: Path,
}

impl Sampling {
    /// Images about to be drawn; `start` `[n, NUMBERS]` where chains do not start from noise.
    pub fn new(model: &ImageModel, settings: ImageSettings, start: Option<Vec<f32>>) -> Self {
        let last = model.levels() - 1;
        let steps = settings.int(ImageKey::Steps);
        let transitions = settings.int(ImageKey::Transitions);
        let level = settings.int(ImageKey::Level).min(last);
        let step = settings.float(ImageKey::StepSize);
        let from = match settings.choice(ImageKey::Sampler) {
            "langevin" => level,
            _ => last,
        };
        let given = start.filter(|s| !s.is_empty());
        let x = match given {
            Some(numbers) => model.matrix(numbers) * model.schedule.signal(level),
            // The generator's first call starts from pure noise.
            None => match settings.choice(ImageKey::Sampler) {
                "generator" => noise(model, &settings),
                _ => noise(model, &settings) * model.schedule.noise(from).max(LEAST),
            },
        };
        let [n, _] = x.dims();
        let (state, total) = match settings.choice(ImageKey::Sampler) {
            "annealed" => (
                State::Annealed {
                    level: last,
                    done: 0,
                },
                (last + 1) * steps + 1,
            ),
            "langevin" => {
                let step = step * model.schedule.noise(level).max(LEAST);
                (State::Langevin { step }, transitions.div_ceil(STRETCH) + 1)
            }
            "mixture" => {
                let labels = vec![last; n];
                let member =
                    crate::energy::membership_of_labels(&labels, model.levels(), &model.device);
                let sizes: Vec<f32> = (0..model.levels())
                    .map(|t| (step * model.schedule.noise(t).max(LEAST)) as f32)
                    .collect();
                let steps = Tensor::from_data(sizes.as_slice(), &model.device);
                (
                    State::Mixture(Box::new(Walk { member, steps })),
                    transitions + 1,
                )
            }
            "generator" => (State::Generator { level: last }, last + 1),
            _ => (State::Ancestral { level: last }, last + 2),
        };
        Self {
            settings,
            x,
            state,
            done: 0,
            total: total as u64,
            path: Path::default(),
        }
    }

    pub fn settings(&self) -> &ImageSettings {
        &self.settings
    }

    pub fn finished(&self) -> bool {
        matches!(self.state, State::Done)
    }

    pub fn progress(&self) -> (u64, u64) {
        (self.done, self.total)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The clean images behind the newest frame.
    ///
    /// # Errors
    /// If the device fails to answer.
    pub async fn guesses(&self) -> Result<Vec<f32>, TrainError> {
        let newest = self.path.newest().map(|frame| &frame.guess);
        let guess = newest.unwrap_or(&self.x).clone();
        Ok(read(vec![guess.into()]).await?.concat())
    }

    /// Ends the drawing where it is.
    pub fn stop(&mut self) {
        self.state = State::Done;
        self.total = self.done;
    }

    /// One step, and the frame of where it began; the last step only frames where the images are.
    ///
    /// # Errors
    /// If the device fails to answer.
    pub async fn advance(&mut self, model: &ImageModel) -> Result<(), TrainError> {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Ancestral { level } => self.ancestral(model, level).await?,
            State::Annealed { level, done } => self.annealed(model, level, done).await?,
            State::Langevin { step } => self.langevin(model, step).await?,
            State::Mixture(walk) => self.mixture(model, *walk).await?,
            State::Generator { level } => self.generated(model, level).await?,
            State::Done => return Ok(()),
        }
        self.done += 1;
        Ok(())
    }

    fn draw(&self, model: &ImageModel, step: u64) -> Tensor<2> {
        let [_, d] = self.x.dims();
        self.rows(model, Stream::ReverseNoise, step, d)
    }

    /// Standard normals for every image, `[n, columns]`.
    fn rows(&self, model: &ImageModel, stream: Stream, step: u64, columns: usize) -> Tensor<2> {
        let [n, _] = self.x.dims();
        let draws = Draws::new(self.settings.int(ImageKey::Seed) as u64, stream, step);
        let z = match self.settings.on(ImageKey::Interpolate) {
            // The same draws for every image: they differ in where they began.
            true => draws.normals(columns).repeat(n),
            false => draws.normals(n * columns),
        };
        Tensor::from_data(TensorData::new(z, [n, columns]), &model.device)
    }

    /// Keeps a frame of images at these levels, with the clean guess and energies if they are known.
    async fn keep(
        &mut self,
        levels: Vec<usize>,
        guess: Tensor<2>,
        energy: Tensor<1>,
        acceptance: Option<Tensor<1>>,
    ) -> Result<(), TrainError> {
        let mut readings: Vec<Reading> = vec![energy.into()];
        readings.extend(acceptance.map(Reading::from));
        let found = read(readings).await?;
        self.path.push(Frame {
            step: self.done,
            levels: levels.into_iter().map(|t| t as u32).collect(),
            energies: found[0].clone(),
            acceptance: found.get(1).map_or(f32::NAN, |a| a[0]),
            state: self.x.clone(),
            guess,
        });
        Ok(())
    }

    /// The frame of finished images: clean, at level 0.
    async fn keep_last(&mut self, model: &ImageModel) -> Result<(), TrainError> {
        let [n, _] = self.x.dims();
        let energy = model.at(0).energy(self.x.clone());
        self.keep(vec![0; n], self.x.clone(), energy, None).await
    }

    async fn ancestral(&mut self, model: &ImageModel, level: usize) -> Result<(), TrainError> {
        let [n, _] = self.x.dims();
        if self.done + 1 == self.total {
            return self.keep_last(model).await;
        }
        let (energy, grad) = model.at(level).energy_and_grad(self.x.clone());
        let guess = clean(model, level, &self.x, grad);
        self.keep(vec![level; n], guess.clone(), energy, None)
            .await?;
        self.x = match level {
            0 => guess,
            _ => {
                let z = self.draw(model, level as u64);
                posterior_draw(&model.schedule, level, &self.x, guess, z)
            }
        };
        self.state = State::Ancestral {
            level: level.saturating_sub(1),
        };
        Ok(())
    }

    async fn annealed(
        &mut self,
        model: &ImageModel,
        level: usize,
        done: usize,
    ) -> Result<(), TrainError> {
        let [n, _] = self.x.dims();
        let (energy, grad) = model.at(level).energy_and_grad(self.x.clone());
        let guess = clean(model, level, &self.x, grad.clone());
        self.keep(vec![level; n], guess.clone(), energy, None)
            .await?;
        if self.done + 1 == self.total {
            // The way ends with the noise of the cleanest level taken away (Jolicoeur-Martineau et al.
            // 2020, arXiv 2009.05475).
            self.x = guess;
            return Ok(());
        }
        let step = self.settings.float(ImageKey::StepSize) * model.schedule.noise(level).max(LEAST);
        let key = (level * 1000 + done) as u64;
        let z = self.draw(model, key);
        self.x = self.x.clone() - grad * (0.5 * step * step) + z * step;
        let next = done + 1;
        self.state = match next < self.settings.int(ImageKey::Steps) {
            true => State::Annealed { level, done: next },
            false => {
                let below = level.saturating_sub(1);
                // What the levels leave of the signal differs where noise takes its place.
                let ratio = model.schedule.signal(below) / model.schedule.signal(level).max(1e-3);
                if level > 0 && ratio < 10.0 {
                    self.x = self.x.clone() * ratio;
                }
                State::Annealed {
                    level: below,
                    done: 0,
                }
            }
        };
        Ok(())
    }

    async fn langevin(&mut self, model: &ImageModel, step: f64) -> Result<(), TrainError> {
        let [n, d] = self.x.dims();
        let level = self.settings.int(ImageKey::Level).min(model.levels() - 1);
        let at = model.at(level);
        let whole = self.settings.int(ImageKey::Transitions);
        let count = STRETCH.min(whole.saturating_sub(self.done as usize * STRETCH));
        let (energy, grad) = at.energy_and_grad(self.x.clone());
        let guess = clean(model, level, &self.x, grad);
        if count == 0 {
            return self.keep(vec![level; n], guess, energy, None).await;
        }
        let kernel = self.kernel();
        let steps = Tensor::full([n, 1], step as f32, &model.device);
        let seed = self.settings.int(ImageKey::Seed) as u64;
        let streams = [Stream::Proposal, Stream::Accept];
        let noise = Noise::draw(seed, streams, self.done, [count, n, d], &model.device);
        let moved = run(kernel, &at, self.x.clone(), &steps, &noise);
        let share = moved.accepted.mean();
        self.keep(vec![level; n], guess, energy, Some(share))
            .await?;
        self.x = moved.x;
        let accepted = self.path.newest().map_or(1.0, |f| f64::from(f.acceptance));
        // Towards the acceptance that suits MALA best (Roberts & Rosenthal 1998), over the first half.
        let adapts = kernel == Kernel::Mala && 2 * self.done < self.total;
        let step = match adapts {
            true => step * (0.5 * (accepted - 0.574)).exp(),
            false => step,
        };
        self.state = State::Langevin { step };
        Ok(())
    }

    async fn mixture(
        &mut self,
        model: &ImageModel,
        Walk { member, steps }: Walk,
    ) -> Result<(), TrainError> {
        let [n, d] = self.x.dims();
        let levels = self.labels(&member).await?;
        let (energy, grad) = model.at_each(&levels).energy_and_grad(self.x.clone());
        let guess = clean_each(model, &levels, &self.x, grad);
        if self.done + 1 == self.total {
            return self.keep(levels, guess, energy, None).await;
        }
        let seed = self.settings.int(ImageKey::Seed) as u64;
        let k = self.settings.int(ImageKey::Steps);
        let streams = [Stream::Proposal, Stream::Accept];
        let noise = Noise::draw(seed, streams, self.done, [k, n, d], &model.device);
        let draws = Draws::new(seed, Stream::Label, self.done);
        let jump = Jump::draw(JumpKind::Global, &draws, n, &model.device);
        let kernel = self.kernel();
        let chains = Labelled {
            x: self.x.clone(),
            member,
        };
        let moved = mixture_transition(&model.energy, kernel, chains, &steps, &noise, &jump);
        let sums = moved.acceptance.clone().sum_dim(0);
        let share = sums.clone().slice([0..1, 0..1]) / sums.slice([0..1, 1..2]);
        self.keep(levels, guess, energy, Some(share.reshape([1])))
            .await?;
        self.x = moved.chains.x;
        let adapts = kernel == Kernel::Mala && 2 * self.done < self.total;
        self.state = State::Mixture(Box::new(Walk {
            member: moved.chains.member,
            steps: match adapts {
                true => adapt(steps.clone(), moved.acceptance, steps.ones_like() * 1.5),
                false => steps,
            },
        }));
        Ok(())
    }

    async fn generated(&mut self, model: &ImageModel, level: usize) -> Result<(), TrainError> {
        let Some(generator) = &model.generator else {
            self.stop();
            return Ok(());
        };
        let ([n, d], levels) = (self.x.dims(), model.levels());
        let member = membership_of(level, levels, n, &model.device);
        let draws = GeneratorNoise {
            latent: self.rows(
                model,
                Stream::SampleLatent,
                level as u64,
                generator.rule.latents,
            ),
            noise: self.rows(model, Stream::SampleNoise, level as u64, d),
        };
        let network = &*generator.network;
        let (below, guess) = generator.rule.call(network, &self.x, draws, &member);
        let count = self.settings.int(ImageKey::Refine);
        let (mut acceptance, mut x) = (None, below);
        if count > 0 {
            // In units of the spread that the noisier image leaves.
            let spread = model.schedule.posterior(level).deviation.max(LEAST);
            let step = self.settings.float(ImageKey::StepSize) * spread;
            let steps = Tensor::full([levels], step as f32, &model.device);
            let seed = self.settings.int(ImageKey::Seed) as u64;
            let streams = [Stream::Proposal, Stream::Accept];
            let draw = |n| Noise::draw(seed, streams, level as u64, [count, n, d], &model.device);
            let noise = match self.settings.on(ImageKey::Interpolate) {
                true => draw(1).for_all(n),
                false => draw(n),
            };
            let chains = Labelled { x, member };
            let (above, forward) = (self.x.clone(), &generator.forward);
            let energy = &model.energy;
            let moved = recover(
                energy,
                forward,
                self.kernel(),
                chains,
                above,
                &steps,
                &noise,
            );
            let sums = moved.acceptance.clone().sum_dim(0);
            let share = sums.clone().slice([0..1, 0..1]) / sums.slice([0..1, 1..2]);
            acceptance = Some(share.reshape([1]));
            x = moved.chains.x;
        }
        let energy = model.at(level).energy(x.clone());
        let guess = match level {
            0 => x.clone(),
            _ => guess,
        };
        self.x = x;
        self.keep(vec![level; n], guess, energy, acceptance).await?;
        if level > 0 {
            self.state = State::Generator { level: level - 1 };
        }
        Ok(())
    }

    fn kernel(&self) -> Kernel {
        match self.settings.on(ImageKey::Adjusted) {
            true => Kernel::Mala,
            false => Kernel::Ula,
        }
    }

    async fn labels(&self, member: &Tensor<2>) -> Result<Vec<usize>, TrainError> {
        let [_, levels] = member.dims();
        let found = read(vec![member.clone().into()]).await?.concat();
        let label = |row: &[f32]| row.iter().position(|&m| m > 0.5).unwrap_or(0);
        Ok(found.chunks_exact(levels).map(label).collect())
    }
}

/// Standard normals to start from, `[n, NUMBERS]`: those of the seed, or blends of two seeds' on the
/// great circle between them, along which their lengths stay those of normals.
fn noise(model: &ImageModel, settings: &ImageSettings) -> Tensor<2> {
    let n = settings.int(ImageKey::Count);
    let of = |key: ImageKey, count: usize| {
        let seed = settings.int(key) as u64;
        Draws::new(seed, Stream::ReverseNoise, model.levels() as u64).normals(count * NUMBERS)
    };
    let blends = settings.relevant(ImageKey::Interpolate) && settings.on(ImageKey::Interpolate);
    if !blends {
        return model.matrix(of(ImageKey::Seed, n));
    }
    let (a, b) = (of(ImageKey::Seed, 1), of(ImageKey::Second, 1));
    let blend = |i: usize| {
        let angle = std::f32::consts::FRAC_PI_2 * i as f32 / (n - 1).max(1) as f32;
        let (sin, cos) = (libm::sinf(angle), libm::cosf(angle));
        let pairs = a.iter().zip(&b);
        pairs
            .map(move |(a, b)| cos * a + sin * b)
            .collect::<Vec<f32>>()
    };
    model.matrix((0..n).flat_map(blend).collect())
}

/// The mean of the clean image by Tweedie's formula, from the gradient at `x` at level `t`.
fn clean(model: &ImageModel, t: usize, x: &Tensor<2>, grad: Tensor<2>) -> Tensor<2> {
    let schedule = &model.schedule;
    // Where nothing of the signal is left, its guess would be noise blown up.
    let signal = schedule.signal(t).max(0.05);
    (x.clone() - grad * schedule.noise(t).powi(2)) / signal
}

/// The same for images at levels of their own.
fn clean_each(model: &ImageModel, levels: &[usize], x: &Tensor<2>, grad: Tensor<2>) -> Tensor<2> {
    let column = |of: &dyn Fn(usize) -> f64| {
        let numbers: Vec<f32> = levels.iter().map(|&t| of(t) as f32).collect();
        Tensor::<1>::from_data(numbers.as_slice(), &model.device).reshape([levels.len(), 1])
    };
    let variance = column(&|t| model.schedule.noise(t).powi(2));
    let signal = column(&|t| model.schedule.signal(t).max(0.05));
    (x.clone() - grad * variance) / signal
}

#[cfg(test)]
mod tests;
