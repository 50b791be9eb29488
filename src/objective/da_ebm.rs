//! Diffusion-assisted persistent training of one joint energy over (x, t) (Zhang, Ou & Tan, arXiv
//! 2304.10707): data diffused to a uniform level, chains that carry their level along, and the
//! mixture sampler between updates.

use super::{Found, Objective, ReplayBuffer, Start, Update};
use crate::energy::Trainable;

pub(super) struct DaEbm {
    pub start: Start,
    pub buffer: ReplayBuffer,
}

impl<N: Trainable> Objective<N> for DaEbm {
    fn descend(&mut self, u: &Update<N>) -> Found {
        Found::against(self.buffer.advance(self.start, u.jump, u), u)
    }

    fn buffer(&self) -> Option<&ReplayBuffer> {
        Some(&self.buffer)
    }

    fn restore(&mut self, buffer: ReplayBuffer) {
        self.buffer = buffer;
    }
}
