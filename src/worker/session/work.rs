//! The slices of work that a session does in turn: training, reports, comparisons, pictures, checks.
//!
//! Invariant: each looks at what is due, does at most a slice of it, and says when it is due next.

use super::{Session, guarded};
use crate::engine::{CHECKS, TrainError, check};
use crate::protocol::{Event, WhyCpu};
use crate::settings::Key;
use crate::worker::post;
use std::time::Duration;
use web_time::Instant;

/// Work between two looks at the inbox. Short enough that a click is answered at once.
const SLICE: Duration = Duration::from_millis(30);

/// No frame sooner than this after the last, and no more than about a third of the time drawing.
const FRAME: Duration = Duration::from_millis(33);
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
        if self.playing && Instant::now() >= self.next_iteration {
            self.train().await?;
        }
        if self.run.is_some() && (self.playing || self.stale) && Instant::now() >= self.next_report
        {
            self.report().await?;
        }
        self.compare().await?;
        self.draw().await?;
        self.test().await
    }

    /// Whether a check of the self-test is due. The visitor's run and its first picture go before.
    pub(super) fn testing(&self) -> bool {
        let picture_comes = self.painter.is_some() && !self.hidden && !self.drawn;
        self.lab.checks.len() < CHECKS && self.run.is_some() && !picture_comes
    }

    /// One check of the self-test. On the web a shader that fails to compile gives stale numbers and
    /// no error, so a GPU that fails one is left for the CPU.
    pub(super) async fn test(&mut self) -> Result<(), TrainError> {
        if !self.testing() {
            return Ok(());
        }
        let done = guarded(check(self.lab.checks.len(), &self.device)).await?;
        self.lab.checks.push(done);
        post::event(&Event::Ready(Box::new(self.lab.clone())));
        if self.gpu.is_some() && self.lab.passed() == Some(false) {
            let failed = self.lab.checks.iter().filter(|check| !check.passed());
            let names = failed.map(|check| check.name.clone()).collect();
            self.strand(WhyCpu::SelfTest(names));
        }
        Ok(())
    }

    pub(super) async fn train(&mut self) -> Result<(), TrainError> {
        let Some(run) = &mut self.run else {
            return Ok(());
        };
        let (count, pause) = match run.settings().choice(Key::Speed) {
            "slow" => (1, Duration::from_millis(1000)),
            "brisk" => (1, Duration::from_millis(100)),
            _ => (self.pace, Duration::ZERO),
        };
        let began = Instant::now();
        guarded(run.advance(count)).await?;
        self.stale = true;
        let took = began.elapsed();
        if count == self.pace {
            let fits = SLICE.as_secs_f64() / took.as_secs_f64().max(1e-4) * count as f64;
            self.pace = (fits as u64).clamp(1, 2 * self.pace);
        }
        self.next_iteration = Instant::now() + pause.saturating_sub(took);
        if !run.finished() {
            return Ok(());
        }
        self.report().await?;
        // A report of a runaway has put the run back and stopped it already.
        if self.playing {
            self.play(false);
            self.say_finished();
        }
        Ok(())
    }

    pub(super) async fn report(&mut self) -> Result<(), TrainError> {
        let began = Instant::now();
        let Some(run) = &mut self.run else {
            return Ok(());
        };
        let report = guarded(run.report(None)).await?;
        self.stale = false;
        let ran_away = report.runaway();
        let iteration = report.iteration;
        post::event(&Event::Report(Box::new(report)));
        if let Some(loss) = ran_away {
            return self.roll_back(iteration, loss);
        }
        if began >= self.next_checkpoint {
            let checkpoint = guarded(run.checkpoint()).await?;
            if checkpoint.healthy() {
                post::event(&Event::Checkpoint(checkpoint.to_bytes()));
                self.good = Some(checkpoint);
            }
            self.next_checkpoint = Instant::now() + CHECKPOINT;
        }
        self.next_report = Instant::now() + REPORT.max(began.elapsed() * REPORT_SHARE);
        Ok(())
    }

    pub(super) async fn compare(&mut self) -> Result<(), TrainError> {
        let Some(comparing) = &mut self.comparing else {
            return Ok(());
        };
        let began = Instant::now();
        while !comparing.finished() && began.elapsed() < SLICE {
            guarded(comparing.advance()).await?;
        }
        let finished = comparing.finished();
        if finished || Instant::now() >= self.next_comparison {
            post::event(&Event::Comparison(Box::new(comparing.comparison())));
            self.next_comparison = Instant::now() + Duration::from_millis(500);
        }
        if finished {
            self.comparing = None;
        }
        Ok(())
    }

    pub(super) async fn draw(&mut self) -> Result<(), TrainError> {
        let now = Instant::now();
        let due = (self.playing || self.dirty) && now >= self.next_frame;
        let (Some(run), Some(painter)) = (&mut self.run, &mut self.painter) else {
            self.dirty = false;
            return Ok(());
        };
        if self.hidden {
            // Coming back into view asks for a picture again.
            self.dirty = false;
        }
        if self.hidden || !due {
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
            post::event(&Event::Probe(probe));
        } else {
            guarded(run.wait()).await?;
        }
        let took = now.elapsed();
        self.drawn = true;
        if strip {
            self.next_strip = Instant::now() + STRIP.max(took * DRAW_SHARE);
        }
        self.next_frame = Instant::now() + FRAME.saturating_sub(took).max(took * DRAW_SHARE);
        // A picture that rests is drawn once more with a fresh strip, then left alone.
        self.dirty = !strip && !self.playing;
        if self.dirty {
            self.next_strip = Instant::now();
        }
        Ok(())
    }
}
