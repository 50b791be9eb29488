//! Diffusion recovery likelihood (Gao et al., ICLR 2021, arXiv 2012.08125): at each level, Langevin
//! dynamics recovers the cleaner point from the noisier one under the conditional energy.
//!
//! Invariant: chains start anew at the noisier point at every update, and energies of different
//! levels have normalisers of their own.

use super::conditional::{Conditional, ForwardStep};
use super::{Found, Objective, Update, contrast};
use crate::energy::LevelEnergy;
use crate::rng::Stream;
use crate::sampler::{MixtureMoved, Noise, run};

pub(super) struct RecoveryLikelihood {
    pub forward: ForwardStep,
}

impl Objective for RecoveryLikelihood {
    fn descend(&mut self, u: &Update) -> Found {
        let [n, _] = u.data.x.dims();
        let above = self.forward.noised(u);
        let member = u.data.member.clone();
        let [signal, variance] = self.forward.at(&member);
        let energy = u.model.at(member.clone());
        let conditional = Conditional {
            energy: &energy,
            above: above.clone(),
            signal,
            variance,
        };
        let streams = [Stream::Proposal, Stream::Accept];
        let noise = Noise::draw(u.seed, streams, u.iteration, [u.transitions, n], u.device);
        let step = (member.clone() * u.steps.clone().unsqueeze::<2>()).sum_dim(1);
        let moved = run(u.kernel, &conditional, above, &step, &noise);
        let moved = MixtureMoved::of(moved, member);
        Found {
            contrast: contrast(u.architecture, u.flat, u.data, &moved.chains),
            moved: Some(moved),
        }
    }
}
