//! Contrastive divergence: chains start anew at every update, from the data (CD-k, Hinton 2002) or
//! from noise (short-run training, Nijkamp et al. 2019, arXiv 1904.09770).

use super::{Found, Objective, Start, Update, points};
use crate::rng::{Draws, Stream};
use crate::sampler::{Jump, Labelled, Noise, mixture_transition};

pub(super) struct ContrastiveDivergence {
    pub start: Start,
}

impl Objective for ContrastiveDivergence {
    fn descend(&mut self, u: &Update) -> Found {
        let [n, _] = u.data.x.dims();
        let x = match self.start {
            Start::Data => u.data.x.clone(),
            Start::Noise => points(
                Draws::new(u.seed, Stream::RestartNoise, u.iteration).normals(2 * n),
                u.device,
            ),
        };
        let chains = Labelled {
            x,
            member: u.data.member.clone(),
        };
        let noise = Noise::draw(
            u.seed,
            [Stream::Proposal, Stream::Accept],
            u.iteration,
            [u.transitions, n],
            u.device,
        );
        let moved = mixture_transition(u.model, u.kernel, chains, u.steps, &noise, &Jump::Stay);
        Found::against(moved, u)
    }
}
