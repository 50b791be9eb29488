//! Iterations on their way: handed to the device while it is still at those before, so that it never waits for
//! the worker.
//!
//! Invariant: at most one flight is left behind for the device, and its time is its run's; a run is looked at,
//! drawn or changed, and anything else done on the device, only when none of its iterations is on its way.

use super::lane::Lane;
use super::{Session, guarded};
use crate::engine::{Fence, Pace, Train2d, TrainError};
use crate::kernel;
use crate::protocol::Clock;
use crate::settings::Key;
use std::time::Duration;
use web_time::Instant;

/// Work that is handed to a GPU at once while the page is in view, which has to be drawn by it, too.
const IN_VIEW: Duration = Duration::from_millis(8);

/// The same when nobody looks, or nothing but speed is asked for.
const FLAT_OUT: Duration = Duration::from_millis(50);

/// Work on a CPU between two looks at the inbox. Short enough that a click is answered at once.
const SLICE: Duration = Duration::from_millis(30);

/// Most iterations by which one lane runs ahead of another that keeps step.
const LEAD: u64 = 20;

/// Iterations of a lane that the device is at.
pub(super) struct Flight {
    lane: usize,
    count: u64,
    began: Instant,
    done: Fence,
}

impl Session {
    /// Hands the device the next iterations of a lane, and waits for those before.
    pub(super) async fn train(&mut self, index: usize) -> Result<(), TrainError> {
        let most = match (self.share(), self.clock) {
            (2.., Clock::Iterations) => LEAD,
            _ => u64::MAX,
        };
        // Lanes do not overlap: one would pay for what another hands over.
        if self
            .flight
            .as_ref()
            .is_some_and(|flight| flight.lane != index)
        {
            self.land().await?;
        }
        let lane = &mut self.lanes[index];
        let Some(run) = &mut lane.run else {
            return Ok(());
        };
        let (count, pause) = match run.settings().choice(Key::Speed) {
            "slow" => (1, Duration::from_millis(1000)),
            "brisk" => (1, Duration::from_millis(100)),
            _ => (lane.pace.iterations.min(most), Duration::ZERO),
        };
        kernel::set_parts(lane.pace.parts);
        let began = Instant::now();
        lane.next_iteration = began + pause;
        lane.stale = true;
        match run.begin(count) {
            Some(done) => {
                let next = Flight {
                    lane: index,
                    count,
                    began,
                    done,
                };
                let before = self.flight.replace(next);
                self.wait_for(before).await?;
            }
            None => lane.learn(count, began.elapsed(), SLICE),
        }
        if !pause.is_zero() {
            // The pause is not the run's time.
            self.land().await?;
        }
        self.finish(index).await
    }

    /// Waits until no iterations are on their way.
    pub(super) async fn land(&mut self) -> Result<(), TrainError> {
        let flight = self.flight.take();
        self.wait_for(flight).await
    }

    async fn wait_for(&mut self, flight: Option<Flight>) -> Result<(), TrainError> {
        let Some(flight) = flight else { return Ok(()) };
        guarded(flight.done).await?;
        // The device was at it from when it was handed over, or had done what was before it.
        let took = self.landed.max(flight.began).elapsed();
        self.landed = Instant::now();
        if let Some(lane) = self.lanes.get_mut(flight.lane) {
            let limit = match self.hidden || lane.flat_out() {
                true => FLAT_OUT,
                false => IN_VIEW,
            };
            lane.learn(flight.count, took, limit);
        }
        Ok(())
    }

    /// Tells of a run that has reached its length.
    async fn finish(&mut self, index: usize) -> Result<(), TrainError> {
        let finished = |lane: &Lane| lane.run.as_ref().is_some_and(Train2d::finished);
        if !finished(&self.lanes[index]) {
            return Ok(());
        }
        self.land().await?;
        let share = self.share();
        let lane = &mut self.lanes[index];
        lane.report(&self.device, share).await?;
        // A report of a runaway has put the run back and stopped it already.
        if lane.playing {
            lane.play(false);
            lane.say_finished();
        }
        Ok(())
    }
}

impl Lane {
    /// Whether nothing but speed is asked for.
    pub(super) fn flat_out(&self) -> bool {
        let choice = |run: &Train2d| run.settings().choice(Key::Speed) == "flat-out";
        self.run.as_ref().is_some_and(choice)
    }

    /// Counts the time that iterations took, and hands over no more at once from here on than fits `limit`.
    fn learn(&mut self, count: u64, took: Duration, limit: Duration) {
        let Some(run) = &mut self.run else { return };
        run.spend(took);
        self.pace = Pace::fit(count, took, limit);
    }
}
