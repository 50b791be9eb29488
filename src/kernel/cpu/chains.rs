//! Chains out of a replay buffer and back, in memory.

use super::{numbers, tensor};
use crate::kernel::{ANEW, Parted, Return, Seats, Taken};
use burn::tensor::Tensor;

/// As [`crate::kernel::take`].
pub fn take(
    [places, members]: [&Tensor<2>; 2],
    picks: &[u32],
    [fresh_places, fresh_members]: [&Tensor<2>; 2],
    deviations: &Tensor<1>,
) -> Option<Taken> {
    let [_, levels] = members.dims();
    let (n, device) = (picks.len(), places.device());
    let old = [numbers(places)?, numbers(members)?];
    let fresh = [numbers(fresh_places)?, numbers(fresh_members)?];
    let deviations = numbers(deviations)?;
    let mut seats = Vec::with_capacity(4 * n);
    let mut member = Vec::with_capacity(n * levels);
    for (i, pick) in picks.iter().enumerate() {
        let ([places, members], row) = match pick & ANEW {
            0 => (&old, *pick as usize),
            _ => (&fresh, i),
        };
        let own = &members[row * levels..][..levels];
        let label = own.iter().position(|m| *m > 0.5).unwrap_or(0);
        let place = [places[2 * row], places[2 * row + 1]];
        seats.extend([place[0], place[1], label as f32, deviations[label]]);
        member.extend(own);
    }
    Some(Taken {
        seats: Seats(tensor(seats, [n, 4], &device)),
        member: tensor(member, [n, levels], &device),
    })
}

/// As [`crate::kernel::put`].
pub fn put([places, members]: [&Tensor<2>; 2], picks: &[u32], back: &Return) -> Option<Parted> {
    let [rows, levels] = members.dims();
    let device = places.device();
    let (mut all, mut all_members) = (numbers(places)?, numbers(members)?);
    let (moved, moved_members) = (numbers(back.places)?, numbers(back.members)?);
    let (held, accepted) = (numbers(back.held)?, numbers(back.accepted)?);
    let mut acceptance = vec![0.0; 2 * levels];
    for (i, pick) in picks.iter().enumerate() {
        let row = (pick & !ANEW) as usize;
        let chain = i * levels..(i + 1) * levels;
        all[2 * row..][..2].copy_from_slice(&moved[2 * i..][..2]);
        all_members[row * levels..][..levels].copy_from_slice(&moved_members[chain.clone()]);
        for (sums, held) in acceptance.chunks_exact_mut(2).zip(&held[chain]) {
            sums[0] += held * accepted[i];
            sums[1] += held;
        }
    }
    Some(Parted {
        places: tensor(all, [rows, 2], &device),
        members: tensor(all_members, [rows, levels], &device),
        acceptance: tensor(acceptance, [levels, 2], &device),
    })
}
