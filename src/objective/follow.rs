//! Methods that train without chains, with chains that follow the energy for show.
//!
//! Invariant: the followers have no part in the loss. They are MALA chains on the energy of the
//! moment, so where they stand says what a persistent chain would make of it.

use super::{Contrast, Found, Objective, ReplayBuffer, Start, Update};
use crate::energy::Trainable;
use crate::sampler::{JumpKind, Kernel};

/// Iterations between two moves of the followers.
const EVERY: u64 = 10;

/// A loss that needs no chains.
pub(super) trait Loss<N> {
    /// The loss of a batch and its gradient.
    fn contrast(&self, u: &Update<N>) -> Contrast;
}

pub(super) struct ChainFree<L> {
    pub loss: L,
    pub followers: ReplayBuffer,
}

impl<N: Trainable, L: Loss<N>> Objective<N> for ChainFree<L> {
    fn descend(&mut self, u: &Update<N>) -> Found {
        let moved = u.iteration.is_multiple_of(EVERY).then(|| {
            let followed = Update {
                kernel: match u.kernel {
                    Kernel::Ula => Kernel::Mala,
                    adjusted => adjusted,
                },
                reinit: 0.0,
                ..*u
            };
            self.followers
                .advance(Start::Noise, JumpKind::Stay, &followed)
        });
        Found {
            contrast: self.loss.contrast(u),
            gap: None,
            moved,
        }
    }

    fn buffer(&self) -> Option<&ReplayBuffer> {
        Some(&self.followers)
    }

    fn restore(&mut self, buffer: ReplayBuffer) {
        self.followers = buffer;
    }
}
