//! The ways from noise to samples of a trained model.
//!
//! Invariant: sampling reads the run and never changes it. Ways that walk down the levels end at
//! t = 0 after a fixed number of steps; the others go on for as long as they are asked to.

use super::read;
use super::train2d::{Train2d, TrainError, kernel};
use crate::energy::{LevelEnergy, Mlp, membership_of, membership_of_labels};
use crate::objective::{ForwardStep, KEYS, recover, step_ceilings};
use crate::rng::{Draws, Stream};
use crate::sampler::{
    Jump, Kernel, Labelled, MixtureMoved, Noise, adapt, exchange, mixture_transition,
};
use crate::settings::{Key, Settings};
use burn::tensor::{Tensor, TensorData};

/// How samples come from noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// One Markov chain on a single level.
    Langevin,
    /// Label moves between the transitions of a joint model's chains.
    Mixture,
    /// Ladders of chains that exchange levels.
    Exchange,
    /// Chains that stay on each level for a while, from the noisiest down.
    Annealed,
    /// On each level, chains on the energy given the point above.
    Recovery,
    /// One call of the trained generator a level.
    Generator,
}

/// Transitions on each level of an annealed chain.
const ANNEALED: usize = 100;

/// Rounds, transitions in each, and chains a level that find the proposal deviations.
const ROUNDS: u64 = 40;
const TRANSITIONS: usize = 5;
const TUNERS: usize = 48;

impl Way {
    /// The way that the settings ask for.
    pub fn of(settings: &Settings) -> Self {
        let own = match settings.choice(Key::Method) {
            "da-ebm" => Self::Mixture,
            "drl" => Self::Recovery,
            "ddaebm" => Self::Generator,
            // Its levels are not tied: nothing says how likely each is.
            "dcd" if settings.on(Key::TimeInput) => Self::Annealed,
            _ => return Self::Langevin,
        };
        match settings.choice(Key::Generate) {
            "annealed" => Self::Annealed,
            "exchange" => Self::Exchange,
            _ => own,
        }
    }

    /// Whether the way ends at t = 0 by itself.
    pub fn ends(self) -> bool {
        matches!(self, Self::Annealed | Self::Recovery | Self::Generator)
    }
}

impl Train2d {
    /// `n` samples `[n, 2]` by a way that ends. `step` keys the draws. `tuned` are the steps of
    /// [`Train2d::tuned_steps`], if the caller has them already.
    pub(super) fn drawn(
        &self,
        way: Way,
        n: usize,
        step: u64,
        tuned: Option<&Tensor<1>>,
    ) -> Tensor<2> {
        let seed = self.settings.int(Key::Seed) as u64;
        // Training has adapted its own to the conditional energies.
        let steps = match (way, tuned) {
            (Way::Annealed, Some(tuned)) => tuned,
            (Way::Annealed, None) => &self.tuned_steps(),
            _ => &self.steps,
        };
        let levels = self.schedule.levels();
        let model = self.model();
        // Only conditional models have a level above their noisiest.
        let forward =
            (way != Way::Annealed).then(|| ForwardStep::new(&self.schedule, &self.device));
        let moves = |t: usize, k: usize, x: Tensor<2>, above: Option<Tensor<2>>| {
            if k == 0 {
                return x;
            }
            let member = membership_of(t, levels, n, &self.device);
            let key = step * KEYS + t as u64;
            let streams = [Stream::Evaluation, Stream::EvaluationAccept];
            let noise = Noise::draw(seed, streams, key, [k, n, 2], &self.device);
            let kernel = kernel(&self.settings);
            let chains = Labelled { x, member };
            let moved = match (above, &forward) {
                (Some(above), Some(forward)) => {
                    recover(&model, forward, kernel, chains, above, steps, &noise)
                }
                _ => mixture_transition(&model, kernel, chains, steps, &noise, &Jump::Stay),
            };
            moved.chains.x
        };
        let k = self.settings.int(Key::Steps);
        if let (Way::Generator, Some((generator, network))) = (way, self.objective.generator()) {
            let refine = self.settings.int(Key::Refine);
            return generator.sample(&*network, [seed, step], n, &self.device, |t, x, above| {
                moves(t, refine, x, Some(above))
            });
        }
        let start = Draws::new(seed, Stream::EvaluationStart, step).normals(2 * n);
        let start = Tensor::<2>::from_data(TensorData::new(start, [n, 2]), &self.device);
        (0..levels).rev().fold(start, |x, t| match way {
            Way::Recovery => moves(t, k, x.clone(), Some(x)),
            _ => moves(t, ANNEALED, x, None),
        })
    }

    /// `[levels]` proposal deviations for chains on the levels' own energies. Training has adapted
    /// them where its chains move so; else they are adapted here, from diffused data.
    pub(super) fn tuned_steps(&self) -> Tensor<1> {
        let s = &self.settings;
        let conditional = matches!(s.choice(Key::Method), "drl" | "ddaebm");
        if !conditional || !s.on(Key::Adapt) || kernel(s) == Kernel::Ula {
            return self.steps.clone();
        }
        let seed = s.int(Key::Seed) as u64;
        let levels = self.schedule.levels();
        let n = TUNERS * levels;
        let labels: Vec<usize> = (0..n).map(|i| i / TUNERS).collect();
        let draws = |step| Draws::new(seed, Stream::Tuning, step);
        let clean = self.density.sample(n, &draws(0));
        let x = self
            .schedule
            .diffuse(&clean, &labels, &draws(1).normals(2 * n));
        let mut chains = Labelled {
            x: Tensor::from_data(TensorData::new(x, [n, 2]), &self.device),
            member: membership_of_labels(&labels, levels, &self.device),
        };
        let ceilings = step_ceilings(&self.schedule);
        let ceilings = Tensor::<1>::from_data(ceilings.as_slice(), &self.device);
        let model = self.model();
        (0..ROUNDS).fold(self.steps.clone(), |steps, round| {
            let streams = [Stream::Tuning, Stream::TuningAccept];
            let noise = Noise::draw(seed, streams, 2 + round, [TRANSITIONS, n, 2], &self.device);
            let moved = mixture_transition(
                &model,
                kernel(s),
                chains.clone(),
                &steps,
                &noise,
                &Jump::Stay,
            );
            chains = moved.chains;
            adapt(steps, moved.acceptance, ceilings.clone())
        })
    }
}

/// `K` transitions of chains on the levels of `labels`, then one exchange between neighbours. `parity`
/// alternates which neighbours; `draws` decide.
pub(super) async fn exchange_round(
    model: &Mlp,
    kernel: Kernel,
    x: Tensor<2>,
    labels: &mut [usize],
    steps: &Tensor<1>,
    (noise, draws, parity): (&Noise, &Draws, u64),
) -> Result<MixtureMoved, TrainError> {
    let (n, levels) = (labels.len(), model.levels());
    let member = membership_of_labels(labels, levels, &x.device());
    let chains = Labelled { x, member };
    let mut moved = mixture_transition(model, kernel, chains, steps, noise, &Jump::Stay);
    let x = &moved.chains.x;
    let energies = read(vec![model.all_levels(x.clone()).into()])
        .await?
        .remove(0);
    let logs: Vec<f32> = draws.uniforms(n).into_iter().map(libm::logf).collect();
    exchange(&energies, labels, levels, (parity % 2) as usize, &logs);
    moved.chains.member = membership_of_labels(labels, levels, &x.device());
    Ok(moved)
}
