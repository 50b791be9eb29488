//! What a session does when training runs away or the device is lost.
//!
//! Invariant: a run goes back to its last good checkpoint with the settings of now, which may be the
//! cure; a device that keeps getting lost is given up.

use super::lane::Lane;
use super::{Session, guarded};
use crate::engine::bench::Bench;
use crate::engine::{Train2d, TrainError};
use crate::protocol::{Backend, EVERY_LANE, Event, WhyCpu};
use crate::settings::Settings;
use crate::worker::device::Gpu;
use crate::worker::{device, post};
use burn::tensor::Device;
use gloo_timers::future::TimeoutFuture;
use std::time::Duration;
use web_time::Instant;

/// A device lost so often, each time so soon after the last, is given up.
const LOSSES: u32 = 3;
const SOON: Duration = Duration::from_secs(30);

impl Session {
    /// Gives up the GPU. A canvas that WebGPU has used gives no 2D context: the page starts another
    /// worker on fresh ones.
    pub(super) fn strand(&mut self, why: WhyCpu) {
        self.stranded = true;
        post::event(EVERY_LANE, &Event::Stranded(why));
    }

    /// Destroys the device. A checkpoint is taken first, so that the run is seen to go on exactly;
    /// a loss that nobody asked for goes back to the last one, some seconds old.
    pub(super) async fn lose_device(&mut self) {
        let Some(gpu) = &self.gpu else { return };
        for lane in &mut self.lanes {
            let Some(run) = &lane.run else { continue };
            match guarded(run.checkpoint()).await {
                Ok(checkpoint) => lane.good = Some(checkpoint),
                Err(error) => return post::fault(&error.to_string()),
            }
        }
        // A loss that was asked for is no sign of a bad device.
        self.last_loss = None;
        gpu.setup.device.destroy();
        // The browser reports the loss in a task of its own.
        TimeoutFuture::new(50).await;
    }

    /// A failure of the device counts as its loss; other failures are told.
    pub(super) async fn fail(&mut self, error: TrainError) {
        match (&error, &self.gpu) {
            (TrainError::Device(_), Some(_)) => self.recover().await,
            _ => post::fault(&error.to_string()),
        }
    }

    /// Asks for the device again and goes on from the last good checkpoint.
    pub(super) async fn recover(&mut self) {
        let message = self
            .gpu
            .as_ref()
            .and_then(Gpu::lost)
            .unwrap_or_else(|| "no answer in time".into());
        post::event(
            EVERY_LANE,
            &Event::DeviceLost {
                message: message.clone(),
            },
        );
        // Everything that holds buffers of the old device.
        self.gpu = None;
        self.flight = None;
        let mut runs = Vec::with_capacity(self.lanes.len());
        for lane in &mut self.lanes {
            (lane.painter, lane.comparing) = (None, None);
            runs.push(lane.run.take().map(|run| run.settings().clone()));
        }
        let soon = self.last_loss.is_some_and(|at| at.elapsed() < SOON);
        self.losses = if soon { self.losses + 1 } else { 1 };
        self.last_loss = Some(Instant::now());
        if self.losses >= LOSSES {
            return self.strand(WhyCpu::Lost(message));
        }
        let Ok(opened) = device::open_gpu().await else {
            return self.strand(WhyCpu::Lost(message));
        };
        self.device = opened.device;
        // What stays warm between timings lay on the old one.
        self.bench = Bench::default();
        self.lab = opened.lab;
        self.gpu = opened.gpu;
        self.open_painters().await;
        post::event(EVERY_LANE, &Event::Ready(Box::new(self.lab.clone())));
        for (lane, settings) in self.lanes.iter_mut().zip(runs) {
            lane.drawn = false;
            if let Some(settings) = settings {
                lane.go_on(settings, &self.device);
            }
        }
    }
}

impl Lane {
    /// Goes on from the last good checkpoint on a new device.
    fn go_on(&mut self, settings: Settings, device: &Device) {
        match self.rebuild(settings, device) {
            Ok(run) => {
                self.post(&Event::Started(Box::new(run.started())));
                self.post(&Event::Recovered {
                    iteration: run.iteration(),
                    backend: Backend::WebGpu,
                });
                self.post(&Event::Playing(self.playing));
                self.run = Some(run);
                self.refresh();
            }
            Err(error) => post::fault(&error.to_string()),
        }
    }

    /// Puts the run back to the last good checkpoint and rests.
    pub(super) fn roll_back(
        &mut self,
        iteration: u64,
        loss: f32,
        device: &Device,
    ) -> Result<(), TrainError> {
        let Some(run) = &self.run else { return Ok(()) };
        let restored = self.rebuild(run.settings().clone(), device)?;
        self.playing = false;
        self.post(&Event::Playing(false));
        self.post(&Event::Diverged {
            iteration,
            restored: restored.iteration(),
            loss,
        });
        self.post(&Event::Started(Box::new(restored.started())));
        self.run = Some(restored);
        self.comparing = None;
        self.refresh();
        Ok(())
    }

    /// The run at the last good checkpoint, or at its start. What the visitor changed since stays
    /// changed: it may be the cure.
    fn rebuild(&self, settings: Settings, device: &Device) -> Result<Train2d, TrainError> {
        let Some(good) = self.good.clone() else {
            return Train2d::new(settings, device.clone());
        };
        let mut run = Train2d::resume(good, device.clone())?;
        run.configure(settings);
        Ok(run)
    }
}
