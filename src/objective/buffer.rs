//! The replay buffer: chains that persist between updates.

use super::{Start, Update};
use crate::energy::{LevelEnergy, membership_of};
use crate::kernel::{ANEW, Parted, Return, put, take};
use crate::rng::{Draws, Stream};
use crate::sampler::{
    Jump, JumpKind, Labelled, MixtureMoved, Noise, mixture_transition, move_labels,
};
use burn::tensor::{Bool, Device, IndexingUpdateOp, Int, Tensor, TensorData};

/// All persistent chains, `[size, d]` places and `[size, levels]` memberships.
#[derive(Clone)]
pub struct ReplayBuffer {
    pub chains: Labelled,
}

impl ReplayBuffer {
    pub fn new(x: Tensor<2>, member: Tensor<2>) -> Self {
        Self {
            chains: Labelled { x, member },
        }
    }

    /// Number of chains.
    pub fn size(&self) -> usize {
        self.chains.x.dims()[0]
    }

    /// Which chains an iteration moves: `n` distinct ones. (The released code draws with
    /// replacement; two copies of one chain would race to be written back on a GPU.)
    fn picks(&self, n: usize, seed: u64, iteration: u64) -> Vec<usize> {
        Draws::new(seed, Stream::BufferPick, iteration).distinct(n, self.size())
    }

    /// The same as a tensor.
    pub fn pick(&self, n: usize, seed: u64, iteration: u64, device: &Device) -> Tensor<1, Int> {
        let rows = self.picks(n, seed, iteration).into_iter();
        let rows: Vec<i32> = rows.map(|row| row as i32).collect();
        let n = rows.len();
        Tensor::from_data(TensorData::new(rows, [n]), device)
    }

    /// The chains at `rows`.
    pub fn take(&self, rows: &Tensor<1, Int>) -> Labelled {
        Labelled {
            x: self.chains.x.clone().select(0, rows.clone()),
            member: self.chains.member.clone().select(0, rows.clone()),
        }
    }

    /// Replaces the chains at `rows`.
    pub fn put(&mut self, rows: &Tensor<1, Int>, chains: Labelled) {
        let replace = |whole: Tensor<2>, new: Tensor<2>| {
            // Assignment is addition here. Subtracting the old row first leaves an exact zero,
            // so the new row arrives without rounding.
            let old = whole.clone().select(0, rows.clone());
            whole
                .select_assign(0, rows.clone(), old.neg(), IndexingUpdateOp::Add)
                .select_assign(0, rows.clone(), new, IndexingUpdateOp::Add)
        };
        self.chains.x = replace(self.chains.x.clone(), chains.x);
        self.chains.member = replace(self.chains.member.clone(), chains.member);
    }

    /// Picks chains, re-starts some, moves them on, and writes them back.
    pub(super) fn advance<N: LevelEnergy>(
        &mut self,
        start: Start,
        jump: JumpKind,
        u: &Update<N>,
    ) -> MixtureMoved {
        let [n, d] = u.data.x.dims();
        let streams = [Stream::Proposal, Stream::Accept];
        let noise = Noise::draw(
            u.seed,
            streams,
            u.iteration,
            [u.transitions, n, d],
            u.device,
        );
        let draws = Draws::new(u.seed, Stream::Label, u.iteration);
        let jump = Jump::draw(jump, &draws, n, u.device);
        if let Some(moved) = self.advance_at_once(start, &noise, &jump, u) {
            return moved;
        }
        let rows = self.pick(n, u.seed, u.iteration, u.device);
        let chains = restart(self.take(&rows), start, u);
        let moved = mixture_transition(u.model, u.kernel, chains, u.steps, &noise, &jump);
        self.put(&rows, moved.chains.clone());
        moved
    }

    /// The same by kernels, where there are such.
    fn advance_at_once<N: LevelEnergy>(
        &mut self,
        start: Start,
        noise: &Noise,
        jump: &Jump,
        u: &Update<N>,
    ) -> Option<MixtureMoved> {
        let adjusted = u.kernel.langevin()?;
        if !u.model.seats_chains() {
            return None;
        }
        let [n, _] = u.data.x.dims();
        let fates = fates(n, u);
        let picks = self.picks(n, u.seed, u.iteration).into_iter().zip(&fates);
        let picks = picks.map(|(row, anew)| row as u32 | if *anew { ANEW } else { 0 });
        let picks: Vec<u32> = picks.collect();
        let fresh = match fates.contains(&true) {
            true => fresh(start, u),
            false => u.data.clone(),
        };
        let buffer = [&self.chains.x, &self.chains.member];
        let taken = take(buffer, &picks, [&fresh.x, &fresh.member], u.steps)?;
        let moved = u.model.move_seats(&taken.seats, noise.draws(), adjusted)?;
        let member = move_labels(u.model, &moved.x, taken.member.clone(), jump);
        let back = Return {
            places: &moved.x,
            members: &member,
            held: &taken.member,
            accepted: &moved.accepted,
        };
        let Parted {
            places,
            members,
            acceptance,
        } = put(buffer, &picks, &back)?;
        (self.chains.x, self.chains.member) = (places, members);
        Some(MixtureMoved {
            chains: Labelled { x: moved.x, member },
            acceptance,
            trail: moved.trail,
        })
    }
}

/// Which of an update's chains start anew: each with chance `reinit`.
fn fates<N>(n: usize, u: &Update<N>) -> Vec<bool> {
    if u.reinit <= 0.0 {
        return vec![false; n];
    }
    let draws = Draws::new(u.seed, Stream::Restart, u.iteration).uniforms(n);
    draws.iter().map(|&f| f64::from(f) < u.reinit).collect()
}

/// Where chains start anew: from noise at the noisiest level, from data at the place and level of
/// the batch's point.
fn fresh<N>(start: Start, u: &Update<N>) -> Labelled {
    let [n, levels] = u.data.member.dims();
    match start {
        Start::Data => u.data.clone(),
        Start::Noise => Labelled {
            x: u.normals(Stream::RestartNoise, 1),
            member: membership_of(levels - 1, levels, n, u.device),
        },
    }
}

/// Throws away each chain with chance `reinit`.
fn restart<N>(chains: Labelled, start: Start, u: &Update<N>) -> Labelled {
    if u.reinit <= 0.0 {
        return chains;
    }
    let [n, levels] = chains.member.dims();
    let mask = TensorData::new(fates(n, u), [n, 1]);
    let mask = Tensor::<2, Bool>::from_data(mask, u.device);
    let fresh = fresh(start, u);
    Labelled {
        x: chains
            .x
            .mask_where(mask.clone().expand(fresh.x.dims()), fresh.x),
        member: chains
            .member
            .mask_where(mask.expand([n, levels]), fresh.member),
    }
}
