//! Diffusion-assisted persistent training of one joint energy over (x, t) (Zhang, Ou & Tan, arXiv
//! 2304.10707): data diffused to a uniform level, chains that carry their level along, and the
//! mixture sampler between updates.

use super::{Negatives, Objective, ReplayBuffer, Start, Update, points};
use crate::energy::membership_of;
use crate::rng::{Draws, Stream};
use crate::sampler::{Jump, JumpKind, Labelled, Noise, mixture_transition};
use burn::tensor::{Tensor, TensorData};

pub(super) struct DaEbm {
    pub start: Start,
    pub buffer: ReplayBuffer,
}

impl Objective for DaEbm {
    fn negatives(&mut self, u: &Update) -> Negatives {
        advance_buffer(&mut self.buffer, self.start, u.jump, u)
    }

    fn buffer(&self) -> Option<&ReplayBuffer> {
        Some(&self.buffer)
    }

    fn restore(&mut self, buffer: ReplayBuffer) {
        self.buffer = buffer;
    }
}

/// Picks chains, re-starts some, moves them on, and writes them back.
pub(super) fn advance_buffer(
    buffer: &mut ReplayBuffer,
    start: Start,
    jump: JumpKind,
    u: &Update,
) -> Negatives {
    let [n, levels] = u.data.member.dims();
    let rows = buffer.pick(n, u.seed, u.iteration, u.device);
    let chains = restart(buffer.take(&rows), start, u);
    let streams = [Stream::Proposal, Stream::Accept];
    let noise = Noise::draw(u.seed, streams, u.iteration, [u.transitions, n], u.device);
    let draws = Draws::new(u.seed, Stream::Label, u.iteration);
    let jump = Jump::draw(jump, &draws, [n, levels], u.device);
    let moved = mixture_transition(u.model, u.kernel, chains, u.steps, &noise, &jump);
    buffer.put(&rows, moved.chains.clone());
    Negatives {
        chains: moved.chains,
        acceptance: moved.acceptance,
        trail: moved.trail,
    }
}

/// Throws away each chain with chance `reinit`. From noise it re-starts at the noisiest level, from
/// data at the place and level of the batch's point.
fn restart(chains: Labelled, start: Start, u: &Update) -> Labelled {
    if u.reinit <= 0.0 {
        return chains;
    }
    let [n, levels] = chains.member.dims();
    let fate = Draws::new(u.seed, Stream::Restart, u.iteration).uniforms(n);
    let fate: Vec<bool> = fate.iter().map(|&f| f64::from(f) < u.reinit).collect();
    let mask = Tensor::<2, burn::tensor::Bool>::from_data(TensorData::new(fate, [n, 1]), u.device);
    let fresh = match start {
        Start::Data => u.data.clone(),
        Start::Noise => Labelled {
            x: points(
                Draws::new(u.seed, Stream::RestartNoise, u.iteration).normals(2 * n),
                u.device,
            ),
            member: membership_of(levels - 1, levels, n, u.device),
        },
    };
    Labelled {
        x: chains.x.mask_where(mask.clone().expand([n, 2]), fresh.x),
        member: chains
            .member
            .mask_where(mask.expand([n, levels]), fresh.member),
    }
}
