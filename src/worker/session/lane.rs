//! One run with its canvases: what a column of the Compare page shows, or the whole Train page.
//!
//! Invariant: the run is only ever replaced by one that was fully built; a failure leaves the old
//! one and its pictures, or the last good checkpoint.

use super::guarded;
use crate::engine::{Checkpoint, Comparing, Pace, Train2d, TrainError};
use crate::protocol::{Camera, Event};
use crate::settings::Settings;
use crate::worker::device::Gpu;
use crate::worker::painter::Painter;
use crate::worker::post;
use burn::tensor::Device;
use web_sys::OffscreenCanvas;
use web_time::Instant;

pub(super) struct Lane {
    /// Its number, which its events carry.
    pub index: u8,
    canvases: [OffscreenCanvas; 2],
    pub painter: Option<Painter>,
    pub run: Option<Train2d>,
    pub good: Option<Checkpoint>,
    pub comparing: Option<Comparing>,
    pub playing: bool,
    pub camera: Camera,
    pub strip_size: (u32, u32),
    pub probe: Option<[f32; 2]>,
    /// Whether the picture is due once more though the run rests, and whether the report is.
    pub dirty: bool,
    pub stale: bool,
    /// Whether a picture was drawn on this device: the self-test lets it go first.
    pub drawn: bool,
    pub pace: Pace,
    pub next_iteration: Instant,
    pub next_frame: Instant,
    pub next_strip: Instant,
    pub next_report: Instant,
    pub next_comparison: Instant,
    pub next_checkpoint: Instant,
}

impl Lane {
    pub fn new(index: u8, canvases: [OffscreenCanvas; 2]) -> Self {
        let now = Instant::now();
        Self {
            index,
            canvases,
            painter: None,
            run: None,
            good: None,
            comparing: None,
            playing: false,
            camera: Camera {
                centre: [0.0, 0.0],
                half: 5.0,
                width: 0,
                height: 0,
            },
            strip_size: (0, 0),
            probe: None,
            dirty: true,
            stale: false,
            drawn: false,
            pace: Pace::default(),
            next_iteration: now,
            next_frame: now,
            next_strip: now,
            next_report: now,
            next_comparison: now,
            next_checkpoint: now,
        }
    }

    /// Tells the page something about this lane.
    pub fn post(&self, event: &Event) {
        post::event(self.index, event);
    }

    pub async fn open_painter(&mut self, gpu: Option<&Gpu>) {
        let [main, strip] = self.canvases.clone();
        let painter = match gpu {
            Some(gpu) => match Painter::gpu(gpu.setup.clone(), main.clone(), strip.clone()).await {
                Ok(painter) => Ok(painter),
                Err(message) => {
                    post::fault(&message);
                    // Training can still use the GPU; only the pictures are drawn on the CPU.
                    Painter::cpu(main, strip)
                }
            },
            None => Painter::cpu(main, strip),
        };
        match painter {
            Ok(painter) => self.painter = Some(painter),
            Err(message) => post::fault(&message),
        }
    }

    pub fn configure(&mut self, settings: Settings, device: &Device) {
        match &mut self.run {
            Some(run) if !run.settings().needs_reset(&settings) => {
                run.configure(settings);
                self.refresh();
            }
            _ => self.begin(Train2d::new(settings, device.clone())),
        }
    }

    /// Takes a new run, if it could be built.
    pub fn begin(&mut self, run: Result<Train2d, TrainError>) {
        match run {
            Ok(run) => {
                self.post(&Event::Started(Box::new(run.started())));
                self.take(run);
            }
            Err(error) => post::fault(&error.to_string()),
        }
    }

    pub fn take(&mut self, run: Train2d) {
        self.run = Some(run);
        self.pace = Pace::default();
        self.good = None;
        self.comparing = None;
        self.next_checkpoint = Instant::now();
        self.refresh();
    }

    pub fn read(bytes: &[u8], device: &Device) -> Result<Train2d, TrainError> {
        let found = Checkpoint::from_bytes(bytes).map_err(TrainError::Checkpoint)?;
        Train2d::resume(found, device.clone())
    }

    /// The run is another one, or about to do other work: its numbers and pictures are due, and how
    /// much of it fits a slice is open again.
    pub fn refresh(&mut self) {
        let now = Instant::now();
        (self.next_report, self.next_strip, self.next_frame) = (now, now, now);
        (self.stale, self.dirty, self.pace.iterations) = (true, true, 1);
    }

    pub fn play(&mut self, playing: bool) {
        let finished = self.run.as_ref().is_none_or(Train2d::finished);
        self.playing = playing && !finished;
        let now = Instant::now();
        // A pause shows the iteration that it came at, not that of the last report and picture.
        (self.next_iteration, self.next_report, self.next_frame) = (now, now, now);
        self.dirty = true;
        self.post(&Event::Playing(self.playing));
        if playing && finished {
            self.say_finished();
        }
    }

    pub fn say_finished(&self) {
        if let Some(run) = &self.run {
            let iteration = run.iteration();
            self.post(&Event::Finished { iteration });
        }
    }

    pub async fn step(&mut self, device: &Device, share: u32) -> Result<(), TrainError> {
        self.play(false);
        let Some(run) = &mut self.run else {
            return Ok(());
        };
        if run.finished() {
            self.say_finished();
            return Ok(());
        }
        guarded(run.advance(1)).await?;
        self.report(device, share).await
    }

    pub async fn start_comparison(&mut self) -> Result<(), TrainError> {
        if let Some(run) = &self.run {
            self.comparing = Some(guarded(Comparing::start(run)).await?);
        }
        Ok(())
    }

    pub async fn export(&self) -> Result<(), TrainError> {
        let Some(run) = &self.run else {
            return Ok(());
        };
        let checkpoint = guarded(run.checkpoint()).await?;
        self.post(&Event::Exported {
            name: format!(
                "{}-{}.safetensors",
                checkpoint.settings.preset().name(),
                checkpoint.iteration
            ),
            bytes: checkpoint.to_bytes(),
        });
        Ok(())
    }
}
