//! Chains out of a replay buffer and back, on a GPU.
//!
//! Invariant: the buffer that went in stays as it was.

use super::launch::{ALIGN, THREADS, buffer, empty, launch, part, words};
use super::program::Plain;
use crate::kernel::{Parted, Return, Seats, Taken};
use burn::tensor::Tensor;

/// As [`crate::kernel::take`].
pub fn take(
    [places, members]: [&Tensor<2>; 2],
    picks: &[u32],
    fresh: [&Tensor<2>; 2],
    deviations: &Tensor<1>,
) -> Option<Taken> {
    let [_, levels] = members.dims();
    let n = picks.len();
    let [fresh_places, fresh_members] = fresh;
    let places = buffer(places)?;
    let member = (4 * n).next_multiple_of(ALIGN);
    let found = empty(&places, member + n * levels);
    launch(
        Plain::Take(levels),
        THREADS,
        n.div_ceil(THREADS),
        [
            &places,
            &buffer(members)?,
            &words(&places, picks),
            &buffer(fresh_places)?,
            &buffer(fresh_members)?,
            &buffer(deviations)?,
            &words(&places, &[n as u32, member as u32]),
            &found,
        ],
    );
    Some(Taken {
        seats: Seats(part(&found, 0, [n, 4])),
        member: part(&found, member, [n, levels]),
    })
}

/// As [`crate::kernel::put`].
pub fn put([places, members]: [&Tensor<2>; 2], picks: &[u32], back: &Return) -> Option<Parted> {
    let [rows, levels] = members.dims();
    let n = picks.len();
    let member = (2 * rows).next_multiple_of(ALIGN);
    let acceptance = (member + rows * levels).next_multiple_of(ALIGN);
    let mut seats = [n, rows, member, acceptance].map(|v| v as u32).to_vec();
    let head = seats.len();
    seats.resize(head + rows, 0);
    for (chain, &pick) in (1..).zip(picks) {
        seats[head + (pick & !crate::kernel::ANEW) as usize] = chain;
    }
    let places = buffer(places)?;
    let found = empty(&places, acceptance + 2 * levels);
    launch(
        Plain::Put(levels),
        THREADS,
        rows.max(levels).div_ceil(THREADS),
        [
            &places,
            &buffer(members)?,
            &words(&places, &seats),
            &buffer(back.places)?,
            &buffer(back.members)?,
            &buffer(back.held)?,
            &buffer(back.accepted)?,
            &found,
        ],
    );
    Some(Parted {
        places: part(&found, 0, [rows, 2]),
        members: part(&found, member, [rows, levels]),
        acceptance: part(&found, acceptance, [levels, 2]),
    })
}
