//! Chains out of a replay buffer and back.
//!
//! Invariant: the tensors that go in stay as they were; all lie on one device, or the answer is `None`.

use super::{Seats, cpu, gpu};
use burn::tensor::Tensor;

/// Marks a pick whose chain starts anew.
pub const ANEW: u32 = 1 << 31;

/// Chains that were taken out of the buffer.
pub struct Taken {
    pub seats: Seats,
    /// `[n, levels]`
    pub member: Tensor<2>,
}

/// Chains on their way back.
pub struct Return<'a> {
    /// `[n, 2]`
    pub places: &'a Tensor<2>,
    /// `[n, levels]`
    pub members: &'a Tensor<2>,
    /// Their memberships while they moved, `[n, levels]`.
    pub held: &'a Tensor<2>,
    /// `[n, 1]`
    pub accepted: &'a Tensor<2>,
}

/// The buffer with them back in it.
pub struct Parted {
    /// `[size, 2]`
    pub places: Tensor<2>,
    /// `[size, levels]`
    pub members: Tensor<2>,
    /// For each level the accepted shares summed over the chains that moved there, and their number,
    /// `[levels, 2]`.
    pub acceptance: Tensor<2>,
}

/// Takes the chains at `picks` out of a buffer of places `[size, 2]` and memberships `[size, levels]`. Where
/// a pick is marked [`ANEW`], its chain stands at its row of the `fresh` ones instead. `deviations` are those
/// of the levels, `[levels]`.
pub fn take(
    buffer: [&Tensor<2>; 2],
    picks: &[u32],
    fresh: [&Tensor<2>; 2],
    deviations: &Tensor<1>,
) -> Option<Taken> {
    cpu::take(buffer, picks, fresh, deviations)
        .or_else(|| gpu::take(buffer, picks, fresh, deviations))
}

/// Puts chains back to where `picks`, which are distinct, took them from.
pub fn put(buffer: [&Tensor<2>; 2], picks: &[u32], back: &Return) -> Option<Parted> {
    cpu::put(buffer, picks, back).or_else(|| gpu::put(buffer, picks, back))
}
