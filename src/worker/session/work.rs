//! The slices of work that a session does in turn: training (in `flight`), reports, comparisons, pictures,
//! checks.
//!
//! Invariant: each looks at what is due, does at most a slice of it, and says when it is due next.

use super::lane::Lane;
use super::{Session, guarded};
use crate::engine::{CHECKS, TrainError, check};
use crate::protocol::{Clock, EVERY_LANE, Event, WhyCpu};
use crate::worker::post;
use burn::tensor::Device;
use std::time::Duration;
use web_time::Instant;

/// Work of a comparison between two looks at the inbox.
const SLICE: Duration = Duration::from_millis(30);

/// No frame sooner than this after the last, and no more than about a third of the time drawing; where nothing
/// but speed is asked for, one a second.
const FRAME: Duration = Duration::from_millis(33);
const RARE_FRAME: Duration = Duration::from_secs(1);
const DRAW_SHARE: u32 = 2;

/// No report sooner than this after the last, and no more than about a fifth of the time on them.
const REPORT: Duration = Duration::from_millis(400);
const REPORT_SHARE: u32 = 4;

/// Time between two looks at the small multiples.
const STRIP: Duration = Duration::from_millis(500);

/// Time between two checkpoints.
const CHECKPOINT: Duration = Duration::from_secs(5);

impl Session {
    /// One slice of everything that is due.
    pub(super) async fn work(&mut self) -> Result<(), TrainError> {
        if let Some(index) = self.turn() {
            self.train(index).await?;
        }
        let share = self.share();
        let now = Instant::now();
        let due = self.lanes.iter().any(|lane| lane.due(now, self.hidden));
        if due || self.studio.busy() || self.testing() {
            self.land().await?;
        }
        for lane in &mut self.lanes {
            if lane.report_due(now) {
                lane.report(&self.device, share).await?;
            }
            lane.compare().await?;
            lane.draw(self.hidden, share).await?;
        }
        self.studio.read_next().await;
        guarded(self.studio.work()).await?;
        self.test().await
    }

    /// The lane to train next: the one that lags behind on the clock.
    pub(super) fn turn(&self) -> Option<usize> {
        let now = Instant::now();
        let lag = |lane: &Lane| {
            let run = lane.run.as_ref()?;
            let due = lane.playing && now >= lane.next_iteration;
            due.then(|| match self.clock {
                Clock::Iterations => run.iteration() as f64,
                Clock::Time => run.seconds(),
            })
        };
        let lags = self.lanes.iter().map(lag).enumerate();
        let due = lags.filter_map(|(index, lag)| Some((index, lag?)));
        due.min_by(|a, b| a.1.total_cmp(&b.1))
            .map(|(index, _)| index)
    }

    /// Whether a check of the self-test is due. The visitor's runs and their first pictures go before.
    pub(super) fn testing(&self) -> bool {
        let mut running = self
            .lanes
            .iter()
            .filter(|lane| lane.run.is_some())
            .peekable();
        self.lab.checks.len() < CHECKS
            && running.peek().is_some()
            && running.all(|lane| lane.painter.is_none() || self.hidden || lane.drawn)
    }

    /// One check of the self-test. On the web a shader that fails to compile gives stale numbers and
    /// no error, so a GPU that fails one is left for the CPU.
    pub(super) async fn test(&mut self) -> Result<(), TrainError> {
        if !self.testing() {
            return Ok(());
        }
        let done = guarded(check(self.lab.checks.len(), &self.device)).await?;
        self.lab.checks.push(done);
        post::event(EVERY_LANE, &Event::Ready(Box::new(self.lab.clone())));
        if self.gpu.is_some() && self.lab.passed() == Some(false) {
            let failed = self.lab.checks.iter().filter(|check| !check.passed());
            let names = failed.map(|check| check.name.clone()).collect();
            self.strand(WhyCpu::SelfTest(names));
        }
        Ok(())
    }
}

impl Lane {
    /// Whether anything is to be done for which none of the run's iterations may be on its way.
    fn due(&self, now: Instant, hidden: bool) -> bool {
        self.comparing.is_some() || self.report_due(now) || (!hidden && self.frame_due(now))
    }

    fn report_due(&self, now: Instant) -> bool {
        self.run.is_some() && (self.playing || self.stale) && now >= self.next_report
    }

    fn frame_due(&self, now: Instant) -> bool {
        (self.playing || self.dirty) && now >= self.next_frame
    }

    pub async fn report(&mut self, device: &Device, share: u32) -> Result<(), TrainError> {
        let began = Instant::now();
        let Some(run) = &mut self.run else {
            return Ok(());
        };
        let report = guarded(run.report(None)).await?;
        self.stale = false;
        let ran_away = report.runaway(run.settings().loss_limit());
        let iteration = report.iteration;
        post::event(self.index, &Event::Report(Box::new(report)));
        if let Some(loss) = ran_away {
            return self.roll_back(iteration, loss, device);
        }
        if began >= self.next_checkpoint {
            let checkpoint = guarded(run.checkpoint()).await?;
            if checkpoint.healthy() {
                post::event(self.index, &Event::Checkpoint(checkpoint.to_bytes()));
                self.good = Some(checkpoint);
            }
            self.next_checkpoint = Instant::now() + CHECKPOINT;
        }
        self.next_report = Instant::now() + REPORT.max(began.elapsed() * REPORT_SHARE * share);
        Ok(())
    }

    pub async fn compare(&mut self) -> Result<(), TrainError> {
        let Some(comparing) = &mut self.comparing else {
            return Ok(());
        };
        let began = Instant::now();
        while !comparing.finished() && began.elapsed() < SLICE {
            guarded(comparing.advance()).await?;
        }
        let finished = comparing.finished();
        if finished || Instant::now() >= self.next_comparison {
            post::event(
                self.index,
                &Event::Comparison(Box::new(comparing.comparison())),
            );
            self.next_comparison = Instant::now() + Duration::from_millis(500);
        }
        if finished {
            self.comparing = None;
        }
        Ok(())
    }

    pub async fn draw(&mut self, hidden: bool, share: u32) -> Result<(), TrainError> {
        let now = Instant::now();
        let due = self.frame_due(now);
        let frame = match self.playing && self.flat_out() {
            true => RARE_FRAME,
            false => FRAME,
        };
        let (Some(run), Some(painter)) = (&mut self.run, &mut self.painter) else {
            self.dirty = false;
            return Ok(());
        };
        if hidden {
            // Coming back into view asks for a picture again.
            self.dirty = false;
        }
        if hidden || !due {
            return Ok(());
        }
        let strip = now >= self.next_strip;
        let scene = run.scene(&self.camera, strip);
        let mut painted = painter.paint(&scene, &self.camera).await;
        if strip {
            let (width, height) = self.strip_size;
            painted = painted.and(painter.paint_strip(&scene, width, height).await);
        }
        if let Err(message) = painted {
            post::fault(&message);
        }
        if let Some(at) = self.probe {
            let probe = guarded(run.probe(at)).await?;
            post::event(self.index, &Event::Probe(probe));
        } else if let Some(done) = run.fence() {
            guarded(done).await?;
        }
        let took = now.elapsed();
        self.drawn = true;
        if strip {
            self.next_strip = Instant::now() + STRIP.max(took * DRAW_SHARE * share);
        }
        self.next_frame =
            Instant::now() + frame.saturating_sub(took).max(took * DRAW_SHARE * share);
        // A picture that rests is drawn once more with a fresh strip, then left alone.
        self.dirty = !strip && !self.playing;
        if self.dirty {
            self.next_strip = Instant::now();
        }
        Ok(())
    }
}
