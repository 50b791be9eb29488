//! Room for maps, kept from one use to the next: a training step needs hundreds of megabytes, and pages
//! that the system must clear anew cost an eighth of its time.
//!
//! Invariant: what a room holds when it is taken is left over; whoever takes it writes before reading.

use super::maps::ZERO;
use crate::kernel::cpu::product::Lanes;
use crate::kernel::plan::Plan;
use std::ops::{Deref, DerefMut};
use std::sync::Mutex;

static FREE: Mutex<Vec<Vec<Lanes>>> = Mutex::new(Vec::new());

/// A map for every slot of a plan.
pub struct Maps(Vec<Vec<Lanes>>);

impl Maps {
    pub fn take(plan: &Plan) -> Self {
        let mut free = FREE.lock().unwrap_or_else(|e| e.into_inner());
        let mut room = |numbers: usize| {
            let fits = free.iter().rposition(|room| room.len() == numbers);
            fits.map(|i| free.swap_remove(i))
        };
        let sizes = plan.sizes.iter().map(|size| size.numbers());
        let rooms: Vec<_> = sizes.map(|n| (n, room(n))).collect();
        drop(free);
        let rooms = rooms.into_iter();
        Self(
            rooms
                .map(|(n, room)| room.unwrap_or_else(|| vec![ZERO; n]))
                .collect(),
        )
    }
}

impl Drop for Maps {
    fn drop(&mut self) {
        let mut free = FREE.lock().unwrap_or_else(|e| e.into_inner());
        free.append(&mut self.0);
    }
}

impl Deref for Maps {
    type Target = [Vec<Lanes>];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Maps {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}
