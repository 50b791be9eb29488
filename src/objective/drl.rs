//! Diffusion recovery likelihood (Gao et al., ICLR 2021, arXiv 2012.08125): at each level, Langevin
//! dynamics recovers the cleaner point from the noisier one under the conditional energy.
//!
//! Invariant: chains start anew at the noisier point at every update, and energies of different
//! levels have normalisers of their own.

use super::conditional::{ForwardStep, recover};
use super::{Found, Objective, Update};
use crate::energy::Trainable;
use crate::rng::Stream;
use crate::sampler::{Labelled, Noise};

pub(super) struct RecoveryLikelihood {
    pub forward: ForwardStep,
}

impl<N: Trainable> Objective<N> for RecoveryLikelihood {
    fn descend(&mut self, u: &Update<N>) -> Found {
        let [n, d] = u.data.x.dims();
        let above = self.forward.noised(u);
        let streams = [Stream::Proposal, Stream::Accept];
        let noise = Noise::draw(
            u.seed,
            streams,
            u.iteration,
            [u.transitions, n, d],
            u.device,
        );
        let chains = Labelled {
            x: above.clone(),
            member: u.data.member.clone(),
        };
        let moved = recover(
            u.model,
            &self.forward,
            u.kernel,
            chains,
            above,
            u.steps,
            &noise,
        );
        Found::against(moved, u)
    }
}
