//! The mixture sampler of DA-EBM: a Markov kernel within Gibbs over the joint p(x, t) ∝ exp(-E(x, t))
//! (arXiv 2304.10707, "MGMS" in the released code; label moves as in Tan 2017, JCGS 26:54).
//!
//! Invariant: with exact energies both moves leave the joint density invariant, so labels are
//! uniform wherever every level has the same normalising constant.

use super::{Kernel, Moved, Noise, run};
use crate::energy::{Energy, LevelEnergy};
use crate::rng::Draws;
use burn::tensor::{Device, Int, Tensor, TensorData};

/// Chains with a noise level each.
#[derive(Clone)]
pub struct Labelled {
    /// `[n, 2]`
    pub x: Tensor<2>,
    /// `[n, levels]`: 1 in the column of the chain's level, 0 elsewhere.
    pub member: Tensor<2>,
}

/// How labels move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JumpKind {
    /// Redraw from p(t | x) over all levels (Gibbs).
    Global,
    /// Propose a neighbouring level, accept by Metropolis.
    Local,
    /// Keep the level.
    Stay,
}

/// The random input of one label move.
#[derive(Clone)]
#[allow(
    clippy::large_enum_variant,
    reason = "one a transition, never stored: a box would cost more than it saves"
)]
pub enum Jump {
    /// Standard Gumbel draws `[n, levels]`, which kernels make themselves.
    Global(Draws),
    /// `[n, 1]`: 1 to propose the level above, 0 the one below; and logs of uniforms.
    Local {
        up: Tensor<2>,
        log_uniform: Tensor<2>,
    },
    Stay,
}

impl Jump {
    /// Draws one label move of `n` chains.
    pub fn draw(kind: JumpKind, draws: &Draws, n: usize, device: &Device) -> Self {
        let matrix = |data: Vec<f32>, columns: usize| {
            Tensor::from_data(TensorData::new(data, [n, columns]), device)
        };
        match kind {
            JumpKind::Global => Self::Global(*draws),
            JumpKind::Local => {
                let u = draws.uniforms(2 * n);
                let up = u[..n]
                    .iter()
                    .map(|&u| f32::from(u8::from(u < 0.5)))
                    .collect();
                let log_uniform = u[n..].iter().map(|&u| libm::logf(u)).collect();
                Self::Local {
                    up: matrix(up, 1),
                    log_uniform: matrix(log_uniform, 1),
                }
            }
            JumpKind::Stay => Self::Stay,
        }
    }
}

/// The outcome of one transition of the mixture sampler.
pub struct MixtureMoved {
    pub chains: Labelled,
    /// `[levels, 2]`: accepted share summed over the chains that moved at each level, and their
    /// number.
    pub acceptance: Tensor<2>,
    /// Places after each of the last x transitions, oldest first, `[at most TAIL, n, 2]`.
    pub trail: Tensor<3>,
}

impl MixtureMoved {
    /// Chains that kept their levels `member` `[n, levels]`.
    pub fn of(moved: Moved, member: Tensor<2>) -> Self {
        let sums = (member.clone() * moved.accepted).sum_dim(0);
        Self {
            acceptance: Tensor::cat(vec![sums, member.clone().sum_dim(0)], 0).transpose(),
            chains: Labelled { x: moved.x, member },
            trail: moved.trail,
        }
    }
}

/// K transitions of `kernel` at fixed labels, with deviation `steps[t]` `[levels]` at level t, then
/// one label move.
pub fn mixture_transition<M: LevelEnergy>(
    model: &M,
    kernel: Kernel,
    chains: Labelled,
    steps: &Tensor<1>,
    noise: &Noise,
    jump: &Jump,
) -> MixtureMoved {
    let Labelled { x, member } = chains;
    let step = (member.clone() * steps.clone().unsqueeze::<2>()).sum_dim(1);
    let moved = run(kernel, &model.at(member.clone()), x, &step, noise);
    let mut moved = MixtureMoved::of(moved, member);
    let Labelled { x, member } = &mut moved.chains;
    *member = move_labels(model, x, member.clone(), jump);
    moved
}

/// The memberships `[n, levels]` of chains at `x` `[n, d]` after a label move.
pub fn move_labels<M: LevelEnergy>(
    model: &M,
    x: &Tensor<2>,
    member: Tensor<2>,
    jump: &Jump,
) -> Tensor<2> {
    let [_, levels] = member.dims();
    match jump {
        _ if levels == 1 => member,
        Jump::Stay => member,
        Jump::Global(draws) => {
            if let Some(drawn) = model.draw_levels(x, draws) {
                return drawn;
            }
            let [n, levels] = member.dims();
            let gumbels = TensorData::new(draws.gumbels(n * levels), [n, levels]);
            let gumbels = Tensor::<2>::from_data(gumbels, &x.device());
            let drawn = (gumbels - model.all_levels(x.clone())).argmax(1);
            let columns = Tensor::<1, Int>::arange(0..levels as i64, &x.device()).unsqueeze::<2>();
            drawn
                .expand([n, levels])
                .equal(columns.expand([n, levels]))
                .float()
        }
        Jump::Local { up, log_uniform } => {
            let [n, levels] = member.dims();
            let edge = Tensor::zeros([n, 1], &x.device());
            let above = Tensor::cat(
                vec![edge.clone(), member.clone().slice([0..n, 0..levels - 1])],
                1,
            );
            let below = Tensor::cat(vec![member.clone().slice([0..n, 1..levels]), edge], 1);
            let proposed = above * up.clone() + below * (up.clone().neg() + 1.0);
            // Beyond the ends the proposed row is empty: rejecting there keeps the proposal
            // symmetric, which clamping would not.
            let inside = proposed.clone().sum_dim(1).greater_elem(0.5);
            let gain = model.at(member.clone()).energy(x.clone())
                - model.at(proposed.clone()).energy(x.clone());
            let accept = log_uniform
                .clone()
                .lower(gain.unsqueeze_dim(1))
                .bool_and(inside);
            member.mask_where(accept.expand([n, levels]), proposed)
        }
    }
}

/// Per-level step adaptation of the released code: `steps` `[levels]` grow by 10 % where acceptance
/// is above 0.8, shrink by a factor 1.2 below 0.6, and stay elsewhere and where no chain was.
/// `window` is `[levels, 2]`: accepted share summed over moves, and their number. No step grows
/// beyond its `ceiling` `[levels]`.
pub fn adapt(steps: Tensor<1>, window: Tensor<2>, ceiling: Tensor<1>) -> Tensor<1> {
    let [levels, _] = window.dims();
    let column = |i: usize| {
        window
            .clone()
            .slice([0..levels, i..i + 1])
            .reshape([levels])
    };
    // 0 / 0 is not a number, and compares as false.
    let rate: Tensor<1> = column(0) / column(1);
    let grow = rate.clone().greater_elem(0.8).float() * 0.1;
    let shrink = rate.lower_elem(0.6).float() * (1.0 - 1.0 / 1.2);
    (steps * (grow - shrink + 1.0))
        .clamp_min(1e-4)
        .min_pair(ceiling)
}
