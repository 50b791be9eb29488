//! Contrastive divergence: chains start anew at every update, from the data (CD-k, Hinton 2002) or
//! from noise (short-run training, Nijkamp et al. 2019, arXiv 1904.09770).

use super::{Found, Objective, Start, Update};
use crate::energy::Trainable;
use crate::rng::Stream;
use crate::sampler::{Jump, Labelled, Noise, mixture_transition};

pub(super) struct ContrastiveDivergence {
    pub start: Start,
}

impl<N: Trainable> Objective<N> for ContrastiveDivergence {
    fn descend(&mut self, u: &Update<N>) -> Found {
        let [n, d] = u.data.x.dims();
        let x = match self.start {
            Start::Data => u.data.x.clone(),
            Start::Noise => u.normals(Stream::RestartNoise, 1),
        };
        let chains = Labelled {
            x,
            member: u.data.member.clone(),
        };
        let noise = Noise::draw(
            u.seed,
            [Stream::Proposal, Stream::Accept],
            u.iteration,
            [u.transitions, n, d],
            u.device,
        );
        let moved = mixture_transition(u.model, u.kernel, chains, u.steps, &noise, &Jump::Stay);
        Found::against(moved, u)
    }
}
