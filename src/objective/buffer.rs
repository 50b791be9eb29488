//! The replay buffer: chains that persist between updates.

use crate::rng::{Draws, Stream};
use crate::sampler::Labelled;
use burn::tensor::{Device, IndexingUpdateOp, Int, Tensor, TensorData};

/// All persistent chains, `[size, 2]` places and `[size, levels]` memberships.
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
}
