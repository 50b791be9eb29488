//! Where chains that move between noise levels stand at t = 0.
//!
//! Invariant: a place counts as often as a chain is found there at t = 0. The last visit of each chain
//! would not do: places from which chains stay away for long would count too much.

use super::report::thinned;
use std::collections::VecDeque;

/// Places of all chains found at t = 0 in the latter half of a run, in the order of their steps.
#[derive(Default)]
pub(super) struct Visits(VecDeque<(u64, [f32; 2])>);

impl Visits {
    /// Adds the chains that stand at t = 0 after `step` transitions, and lets go of the former half.
    pub fn add(&mut self, step: u64, places: impl IntoIterator<Item = [f32; 2]>) {
        self.0.extend(places.into_iter().map(|place| (step, place)));
        let old = self.0.iter().take_while(|(then, _)| 2 * then <= step);
        self.0.drain(..old.count());
    }

    /// At most `count` of them, spread evenly over the half.
    pub fn places(&self, count: usize) -> Vec<[f32; 2]> {
        let all: Vec<[f32; 2]> = self.0.iter().map(|(_, place)| *place).collect();
        thinned(&all, count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A chain that spends equal times in two modes, at every step at t = 0 in one, at every fourth in
    /// the other: four fifths of what is seen at t = 0 is of the first.
    #[test]
    fn places_count_as_often_as_chains_stand_there() {
        let mut visits = Visits::default();
        for step in 1..=8000u64 {
            let mode = (step / 40) % 2;
            let there = mode == 0 || step % 4 == 0;
            visits.add(step, there.then_some([mode as f32, 0.0]));
        }
        let share =
            |places: Vec<[f32; 2]>| places.iter().map(|p| p[0]).sum::<f32>() / places.len() as f32;
        assert!(visits.0.iter().all(|(step, _)| 2 * step > 8000));
        assert!((share(visits.places(usize::MAX)) - 0.2).abs() < 0.01);
        let few = visits.places(333);
        assert_eq!(few.len(), 333);
        assert!((share(few) - 0.2).abs() < 0.05);
    }
}
