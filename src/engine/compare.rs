//! Short and long chains, from noise and from data, side by side on one energy.
//!
//! Invariant: a comparison runs on the weights of the moment it began, whatever training does
//! meanwhile. Chains from data stay at t = 0 (DA-EBM's long-run test). Chains from noise move by the
//! model's own way to samples; where that way ends, they go on from its samples at t = 0.

use super::report::{mode_masses, thinned};
use super::train2d::{Train2d, TrainError, kernel};
use super::visits::Visits;
use super::way::{Way, exchange_round};
use super::{Reading, read};
use crate::data::Density;
use crate::energy::{Mlp, membership_of, membership_of_labels};
use crate::metric::{diagnostics, mmd};
use crate::objective::KEYS;
use crate::protocol::{ChainRun, Comparison};
use crate::rng::{Draws, Stream};
use crate::sampler::{Jump, JumpKind, Kernel, Labelled, Noise, mixture_transition};
use crate::settings::Key;
use burn::tensor::{Device, Tensor, TensorData};

/// Chains of each group.
const CHAINS: usize = 256;

/// Transitions between two label moves, and between two entries of a trace.
const BLOCK: u64 = 10;

/// Longest trace kept: a longer one loses every other entry, so that diagnostics of a run of any
/// length take the same time. Their effective sample size is then of the entries kept.
const TRACE: usize = 512;

/// Points drawn of each group, and compared by the maximum mean discrepancy.
const SHOWN: usize = 256;

/// A comparison that is running.
pub struct Comparing {
    model: Mlp,
    density: Density,
    device: Device,
    kernel: Kernel,
    steps: Tensor<1>,
    way: Way,
    seed: u64,
    iteration: u64,
    short: u64,
    target: u64,
    done: u64,
    groups: [Group; 2],
    mass_model: Vec<f32>,
    kl: f32,
}

/// Chains from one kind of start.
struct Group {
    from_data: bool,
    chains: Labelled,
    /// The level of each chain, kept by those that exchange levels.
    ladders: Vec<usize>,
    /// Each chain's place at its last visit to t = 0, NaN before the first: on the device, and read
    /// back row by row.
    clean: Tensor<2>,
    last: Vec<f32>,
    /// Of chains that move between levels.
    visits: Option<Visits>,
    /// `[chains]` traces of x and of y, one entry every `stride` blocks.
    traces: [Vec<Vec<f32>>; 2],
    blocks: usize,
    stride: usize,
    /// Accepted share summed over moves, and their number.
    accepted: [f32; 2],
    /// The state after the short run.
    short: Option<ChainRun>,
}

impl Comparing {
    /// Chains on the run's energy as it is now.
    ///
    /// # Errors
    /// If the device fails to give back results.
    pub async fn start(run: &Train2d) -> Result<Self, TrainError> {
        let device = run.device.clone();
        let levels = run.schedule.levels();
        let seed = run.settings.int(Key::Seed) as u64;
        let way = Way::of(&run.settings);
        let steps = run.tuned_steps();
        let data = run
            .density
            .sample(CHAINS, &Draws::new(seed, Stream::EvaluationStart, 1));
        let data = Tensor::from_data(TensorData::new(data.into_flattened(), [CHAINS, 2]), &device);
        let noise = |n: usize| {
            let z = Draws::new(seed, Stream::EvaluationStart, 2).normals(2 * n);
            Tensor::<2>::from_data(TensorData::new(z, [n, 2]), &device)
        };
        let single = |from_data: bool, level: usize, x: Tensor<2>| {
            let member = membership_of(level, levels, CHAINS, &device);
            Group::new(from_data, Labelled { x, member }, Vec::new(), level == 0)
        };
        let from_noise = match way {
            _ if way.ends() => single(false, 0, run.drawn(way, CHAINS, 2, Some(&steps))),
            Way::Exchange => {
                let n = CHAINS - CHAINS % levels;
                let ladders: Vec<usize> = (0..n).map(|i| i % levels).collect();
                let member = membership_of_labels(&ladders, levels, &device);
                let x = noise(n);
                Group::new(false, Labelled { x, member }, ladders, false)
            }
            _ => single(false, levels - 1, noise(CHAINS)),
        };
        let target = run.settings.int(Key::LongSteps) as u64;
        let mut groups = [from_noise, single(true, 0, data)];
        if way.ends() {
            // The samples themselves are the short run.
            let group = &mut groups[0];
            group.last = read(vec![group.clean.clone().into()]).await?.remove(0);
            group.short = Some(group.summary(0, &run.density, seed, false));
        }
        let (mass_model, kl) = run.model_against_truth().await?;
        Ok(Self {
            model: run.model(),
            density: run.density.clone(),
            kernel: kernel(&run.settings),
            steps,
            way,
            seed,
            iteration: run.iteration(),
            short: target.min(run.settings.int(Key::ShortSteps) as u64),
            target,
            done: 0,
            groups,
            mass_model,
            kl,
            device,
        })
    }

    /// Whether the long chains have reached their length.
    pub fn finished(&self) -> bool {
        self.done >= self.target
    }

    /// Moves all chains on by one block of transitions, cut where the short or the long run ends.
    ///
    /// # Errors
    /// If the device fails to give back results.
    pub async fn advance(&mut self) -> Result<(), TrainError> {
        let next_stop = if self.done < self.short {
            self.short
        } else {
            self.target
        };
        let k = BLOCK
            .min(next_stop.saturating_sub(self.done))
            .min(self.target - self.done);
        if k == 0 {
            return Ok(());
        }
        let streams = [Stream::Evaluation, Stream::EvaluationAccept];
        let draws = Draws::new(self.seed, Stream::EvaluationLabel, self.done);
        let step = self.done;
        self.done += k;
        for (index, group) in self.groups.iter_mut().enumerate() {
            let [n, _] = group.chains.x.dims();
            // Draws of its own: chains on the same draws would drift together. Samples have keys below.
            let key = 3 * KEYS + 2 * step + index as u64;
            let noise = Noise::draw(self.seed, streams, key, [k as usize, n, 2], &self.device);
            let jump = match self.way == Way::Mixture && !group.from_data {
                true => Jump::draw(JumpKind::Global, &draws, n, &self.device),
                false => Jump::Stay,
            };
            let chains = group.chains.clone();
            let (model, kernel, steps) = (&self.model, self.kernel, &self.steps);
            let moved = if group.ladders.is_empty() {
                mixture_transition(model, kernel, chains, steps, &noise, &jump)
            } else {
                let by = (&noise, &draws, step / BLOCK);
                exchange_round(model, kernel, chains.x, &mut group.ladders, steps, by).await?
            };
            let at_zero = moved
                .chains
                .member
                .clone()
                .slice([0..n, 0..1])
                .greater_elem(0.5);
            group.clean = group
                .clean
                .clone()
                .mask_where(at_zero.clone().expand([n, 2]), moved.chains.x.clone());
            group.chains = moved.chains;
            let mut values = read(vec![
                Reading::from(group.clean.clone()),
                moved.acceptance.into(),
                at_zero.float().into(),
            ])
            .await?;
            let at_zero = values.pop().unwrap_or_default();
            group.last = values.swap_remove(0);
            if let Some(visits) = &mut group.visits {
                let places = group.last.chunks_exact(2).zip(at_zero);
                let there = places.filter(|(_, at_zero)| *at_zero > 0.5);
                visits.add(self.done, there.map(|(p, _)| [p[0], p[1]]));
            }
            group.record();
            for level in values[0].chunks_exact(2) {
                group.accepted[0] += level[0];
                group.accepted[1] += level[1];
            }
            if self.done == self.short && group.short.is_none() {
                group.short = Some(group.summary(self.done, &self.density, self.seed, false));
            }
        }
        Ok(())
    }

    /// The groups as they are now: short runs once they are done, long ones so far.
    pub fn comparison(&self) -> Comparison {
        let short = self.groups.iter().filter_map(|g| g.short.clone());
        let long = self
            .groups
            .iter()
            .map(|g| g.summary(self.done, &self.density, self.seed, true));
        Comparison {
            iteration: self.iteration,
            steps: self.done,
            target: self.target,
            runs: short.chain(long).collect(),
            kl: self.kl,
            mass_truth: self
                .density
                .modes()
                .into_iter()
                .map(|(_, mass)| mass)
                .collect(),
            mass_model: self.mass_model.clone(),
        }
    }
}

impl Group {
    fn new(from_data: bool, chains: Labelled, ladders: Vec<usize>, clean: bool) -> Self {
        let [n, _] = chains.x.dims();
        Self {
            from_data,
            clean: match clean {
                true => chains.x.clone(),
                false => chains.x.full_like(f32::NAN),
            },
            chains,
            ladders,
            last: Vec::new(),
            visits: (!clean).then(Visits::default),
            traces: [vec![Vec::new(); n], vec![Vec::new(); n]],
            blocks: 0,
            stride: 1,
            accepted: [0.0; 2],
            short: None,
        }
    }

    /// Adds the present places to the traces.
    fn record(&mut self) {
        self.blocks += 1;
        let all_visited = self.last.iter().all(|v| v.is_finite());
        if !all_visited || !self.blocks.is_multiple_of(self.stride) {
            return;
        }
        for (i, p) in self.last.chunks_exact(2).enumerate() {
            self.traces[0][i].push(p[0]);
            self.traces[1][i].push(p[1]);
        }
        if self.traces[0][0].len() < TRACE {
            return;
        }
        self.stride *= 2;
        for trace in self.traces.iter_mut().flatten() {
            // Odd places are the ones that multiples of the doubled stride fall on.
            *trace = trace.iter().skip(1).step_by(2).copied().collect();
        }
    }

    fn summary(&self, steps: u64, density: &Density, seed: u64, long: bool) -> ChainRun {
        let points: Vec<[f32; 2]> = match &self.visits {
            Some(visits) => visits.places(CHAINS),
            None => self.last.chunks_exact(2).map(|p| [p[0], p[1]]).collect(),
        };
        let fresh = density.sample(SHOWN, &Draws::new(seed, Stream::Evaluation, u64::MAX - 1));
        let worst = |of: fn(&[Vec<f32>]) -> f64, pick: fn(f64, f64) -> f64| {
            pick(of(&self.traces[0]), of(&self.traces[1])) as f32
        };
        let (ess, r_hat) = match long {
            true => (
                worst(diagnostics::ess, f64::min),
                worst(diagnostics::split_r_hat, f64::max),
            ),
            false => (f32::NAN, f32::NAN),
        };
        ChainRun {
            from_data: self.from_data,
            steps,
            masses: mode_masses(density, &points),
            mmd: mmd::squared_mmd(&thinned(&points, SHOWN), &fresh),
            acceptance: self.accepted[0] / self.accepted[1],
            ess,
            r_hat,
            points,
        }
    }
}
