//! Persistent contrastive divergence (Tieleman 2008) with a replay buffer and optional restarts
//! (Du & Mordatch 2019, arXiv 1903.08689).

use super::{Found, Objective, ReplayBuffer, Start, Update};
use crate::energy::Trainable;
use crate::sampler::JumpKind;

pub(super) struct PersistentContrastiveDivergence {
    pub start: Start,
    pub buffer: ReplayBuffer,
}

impl<N: Trainable> Objective<N> for PersistentContrastiveDivergence {
    fn descend(&mut self, u: &Update<N>) -> Found {
        let moved = self.buffer.advance(self.start, JumpKind::Stay, u);
        Found::against(moved, u)
    }

    fn buffer(&self) -> Option<&ReplayBuffer> {
        Some(&self.buffer)
    }

    fn restore(&mut self, buffer: ReplayBuffer) {
        self.buffer = buffer;
    }
}
