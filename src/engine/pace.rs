//! How much work is handed to a device at once.
//!
//! Invariant: at least one iteration, and at most twice as many as the last time, so that one wrong measurement
//! cannot make the page wait long.

use std::time::Duration;

/// Most parts of one iteration.
const PARTS: f64 = 64.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Iterations that are handed over at once.
    pub iterations: u64,
    /// Parts of one iteration that are each handed over by themselves.
    pub parts: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            iterations: 1,
            parts: 1,
        }
    }
}

impl Pace {
    /// What takes no longer than `limit`, if `iterations` have just taken `took`.
    pub fn fit(iterations: u64, took: Duration, limit: Duration) -> Self {
        let each = took.as_secs_f64().max(1e-6) / iterations as f64;
        let fitting = limit.as_secs_f64() / each;
        Self {
            iterations: (fitting as u64).clamp(1, 2 * iterations),
            parts: (1.0 / fitting).ceil().clamp(1.0, PARTS) as usize,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_millis(8);

    fn fit(iterations: u64, took_ms: f64) -> (u64, usize) {
        let took = Duration::from_secs_f64(took_ms / 1e3);
        let Pace { iterations, parts } = Pace::fit(iterations, took, LIMIT);
        (iterations, parts)
    }

    #[test]
    fn work_of_known_length_is_cut_to_the_limit() {
        assert_eq!(fit(4, 8.1), (3, 1));
        assert_eq!(fit(1, 8.0), (1, 1));
        assert_eq!(fit(1, 60.0), (1, 8));
        assert_eq!(fit(10, 600.0), (1, 8));
    }

    #[test]
    fn one_measurement_changes_the_pace_no_more_than_it_may() {
        assert_eq!(fit(3, 0.0), (6, 1));
        assert_eq!(fit(1, 1e9), (1, 64));
    }

    #[test]
    fn iterations_of_one_length_find_their_pace_and_stay_there() {
        let mut pace = Pace::default();
        for _ in 0..12 {
            let took = Duration::from_micros(50) * pace.iterations as u32;
            pace = Pace::fit(pace.iterations, took, LIMIT);
        }
        assert_eq!(pace.iterations, 160);
    }
}
