//! The replay buffer: chains that persist between updates.

use super::{Start, Update};
use crate::energy::{LevelEnergy, membership_of};
use crate::rng::{Draws, Stream};
use crate::sampler::{Jump, JumpKind, Labelled, MixtureMoved, Noise, mixture_transition};
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
    pub fn pick(&self, n: usize, seed: u64, iteration: u64, device: &Device) -> Tensor<1, Int> {
        let draws = Draws::new(seed, Stream::BufferPick, iteration);
        let rows: Vec<i32> = draws
            .distinct(n, self.size())
            .into_iter()
            .map(|row| row as i32)
            .collect();
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
        let [_, levels] = u.data.member.dims();
        let rows = self.pick(n, u.seed, u.iteration, u.device);
        let chains = restart(self.take(&rows), start, u);
        let streams = [Stream::Proposal, Stream::Accept];
        let noise = Noise::draw(
            u.seed,
            streams,
            u.iteration,
            [u.transitions, n, d],
            u.device,
        );
        let draws = Draws::new(u.seed, Stream::Label, u.iteration);
        let jump = Jump::draw(jump, &draws, [n, levels], u.device);
        let moved = mixture_transition(u.model, u.kernel, chains, u.steps, &noise, &jump);
        self.put(&rows, moved.chains.clone());
        moved
    }
}

/// Throws away each chain with chance `reinit`. From noise it re-starts at the noisiest level, from
/// data at the place and level of the batch's point.
fn restart<N>(chains: Labelled, start: Start, u: &Update<N>) -> Labelled {
    if u.reinit <= 0.0 {
        return chains;
    }
    let [n, levels] = chains.member.dims();
    let fate = Draws::new(u.seed, Stream::Restart, u.iteration).uniforms(n);
    let fate: Vec<bool> = fate.iter().map(|&f| f64::from(f) < u.reinit).collect();
    let mask = Tensor::<2, Bool>::from_data(TensorData::new(fate, [n, 1]), u.device);
    let fresh = match start {
        Start::Data => u.data.clone(),
        Start::Noise => Labelled {
            x: u.normals(Stream::RestartNoise, 1),
            member: membership_of(levels - 1, levels, n, u.device),
        },
    };
    Labelled {
        x: chains
            .x
            .mask_where(mask.clone().expand(fresh.x.dims()), fresh.x),
        member: chains
            .member
            .mask_where(mask.expand([n, levels]), fresh.member),
    }
}
