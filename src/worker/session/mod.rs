//! The worker's one task: commands here, the slices of training, reports and pictures in `work`,
//! what goes wrong in `recovery`.
//!
//! Invariant: the run is only ever replaced by one that was fully built; a failure leaves the old
//! one and its pictures, or the last good checkpoint.

mod recovery;
mod work;

use super::device::{self, Gpu, Opened};
use super::inbox::{Inbox, yield_now};
use super::painter::Painter;
use super::post;
use crate::engine::{Checkpoint, Comparing, Train2d, TrainError};
use crate::protocol::{Camera, Command, Event, Lab, WhyCpu};
use crate::settings::Settings;
use burn::tensor::Device;
use futures_lite::future;
use gloo_timers::future::TimeoutFuture;
use std::rc::Rc;
use web_sys::OffscreenCanvas;
use web_time::Instant;

/// Rest between two looks at what is due when nothing is.
const REST_MS: u32 = 8;

/// A wait on the device that lasts longer means that it is gone. Software WebGPU on a busy machine
/// takes long to compile the kernels of a first iteration.
const DEADLINE_MS: u32 = 60_000;

/// Everything the worker owns.
pub struct Session {
    inbox: Rc<Inbox>,
    canvases: [OffscreenCanvas; 2],
    device: Device,
    lab: Lab,
    gpu: Option<Gpu>,
    painter: Option<Painter>,
    run: Option<Train2d>,
    good: Option<Checkpoint>,
    comparing: Option<Comparing>,
    playing: bool,
    camera: Camera,
    strip_size: (u32, u32),
    probe: Option<[f32; 2]>,
    hidden: bool,
    /// Whether the picture is due once more though the run rests, and whether the report is.
    dirty: bool,
    stale: bool,
    /// Whether a picture was drawn on this device: the self-test lets it go first.
    drawn: bool,
    /// Whether the worker has no device any more.
    stranded: bool,
    /// Losses of the device in a row, and the last one.
    losses: u32,
    last_loss: Option<Instant>,
    /// Iterations that fit a slice.
    pace: u64,
    next_iteration: Instant,
    next_frame: Instant,
    next_strip: Instant,
    next_report: Instant,
    next_comparison: Instant,
    next_checkpoint: Instant,
}

impl Session {
    /// Opens the device and tells the page what it is.
    pub async fn open(
        canvas: OffscreenCanvas,
        strip: OffscreenCanvas,
        why_cpu: Option<WhyCpu>,
        inbox: Rc<Inbox>,
    ) -> Self {
        let Opened { device, lab, gpu } = device::open(why_cpu).await;
        let now = Instant::now();
        let mut session = Self {
            inbox,
            canvases: [canvas, strip],
            device,
            lab,
            gpu,
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
            hidden: false,
            dirty: true,
            stale: false,
            drawn: false,
            stranded: false,
            losses: 0,
            last_loss: None,
            pace: 1,
            next_iteration: now,
            next_frame: now,
            next_strip: now,
            next_report: now,
            next_comparison: now,
            next_checkpoint: now,
        };
        session.open_painter().await;
        post::event(&Event::Ready(Box::new(session.lab.clone())));
        session
    }

    async fn open_painter(&mut self) {
        let [main, strip] = self.canvases.clone();
        let painter = match &self.gpu {
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

    /// Serves the page until the device is given up.
    pub async fn run(mut self) {
        while !self.stranded {
            while let Some(command) = self.inbox.pop() {
                self.handle(command).await;
            }
            if self.gpu.as_ref().is_some_and(|gpu| gpu.lost().is_some()) {
                self.recover().await;
            }
            if let Err(error) = self.work().await {
                self.fail(error).await;
            }
            let training = self.playing && Instant::now() >= self.next_iteration;
            match (
                training || self.comparing.is_some() || self.testing(),
                self.playing || self.dirty,
            ) {
                (true, _) => yield_now().await,
                // Something is due soon, but nothing yet.
                (false, true) => TimeoutFuture::new(REST_MS).await,
                (false, false) => self.inbox.wait().await,
            }
        }
    }

    async fn handle(&mut self, command: Command) {
        self.dirty = true;
        match command {
            Command::Configure(settings) => self.configure(*settings),
            Command::Play => self.play(true),
            Command::Pause => self.play(false),
            Command::Step => self.step().await,
            Command::Reset => {
                if let Some(run) = &self.run {
                    let settings = run.settings().clone();
                    self.begin(Train2d::new(settings, self.device.clone()));
                }
            }
            Command::Camera(camera) => self.camera = camera,
            Command::StripSize { width, height } => {
                self.strip_size = (width, height);
                self.next_strip = Instant::now();
            }
            Command::Probe(at) => self.probe = at,
            Command::Compare => self.start_comparison().await,
            Command::StopCompare => self.comparing = None,
            Command::Export => self.export().await,
            Command::Import(bytes) => match self.read(&bytes) {
                Ok(run) => {
                    post::event(&Event::Imported(Box::new(run.started())));
                    self.take(run);
                }
                Err(error) => post::event(&Event::Refused {
                    message: error.to_string(),
                }),
            },
            Command::Resume(bytes) => {
                let run = self.read(&bytes);
                self.begin(run);
            }
            Command::LoseDevice => self.lose_device().await,
            Command::SelfTest => {
                self.lab.checks.clear();
                post::event(&Event::Ready(Box::new(self.lab.clone())));
            }
            Command::Hidden(hidden) => self.hidden = hidden,
        }
    }

    fn configure(&mut self, settings: Settings) {
        match &mut self.run {
            Some(run) if !run.settings().needs_reset(&settings) => {
                run.configure(settings);
                self.refresh();
            }
            _ => self.begin(Train2d::new(settings, self.device.clone())),
        }
    }

    /// Takes a new run, if it could be built.
    fn begin(&mut self, run: Result<Train2d, TrainError>) {
        match run {
            Ok(run) => {
                post::event(&Event::Started(Box::new(run.started())));
                self.take(run);
            }
            Err(error) => post::fault(&error.to_string()),
        }
    }

    fn take(&mut self, run: Train2d) {
        self.run = Some(run);
        self.good = None;
        self.comparing = None;
        self.next_checkpoint = Instant::now();
        self.refresh();
    }

    fn read(&self, bytes: &[u8]) -> Result<Train2d, TrainError> {
        let found = Checkpoint::from_bytes(bytes).map_err(TrainError::Checkpoint)?;
        Train2d::resume(found, self.device.clone())
    }

    /// The run is another one, or about to do other work: its numbers and pictures are due, and how
    /// much of it fits a slice is open again.
    fn refresh(&mut self) {
        let now = Instant::now();
        (self.next_report, self.next_strip, self.next_frame) = (now, now, now);
        (self.stale, self.dirty, self.pace) = (true, true, 1);
    }

    fn play(&mut self, playing: bool) {
        let finished = self.run.as_ref().is_none_or(Train2d::finished);
        self.playing = playing && !finished;
        let now = Instant::now();
        // A pause shows the iteration that it came at, not that of the last report and picture.
        (self.next_iteration, self.next_report, self.next_frame) = (now, now, now);
        self.dirty = true;
        post::event(&Event::Playing(self.playing));
        if playing && finished {
            self.say_finished();
        }
    }

    fn say_finished(&self) {
        if let Some(run) = &self.run {
            let iteration = run.iteration();
            post::event(&Event::Finished { iteration });
        }
    }

    async fn step(&mut self) {
        self.play(false);
        let Some(run) = &mut self.run else { return };
        if run.finished() {
            return self.say_finished();
        }
        if let Err(error) = guarded(run.advance(1)).await {
            return self.fail(error).await;
        }
        if let Err(error) = self.report().await {
            self.fail(error).await;
        }
    }

    async fn start_comparison(&mut self) {
        let Some(run) = &self.run else { return };
        match guarded(Comparing::start(run)).await {
            Ok(comparing) => self.comparing = Some(comparing),
            Err(error) => self.fail(error).await,
        }
    }

    async fn export(&mut self) {
        let Some(run) = &self.run else { return };
        match guarded(run.checkpoint()).await {
            Ok(checkpoint) => post::event(&Event::Exported {
                name: format!(
                    "{}-{}.safetensors",
                    checkpoint.settings.preset().name(),
                    checkpoint.iteration
                ),
                bytes: checkpoint.to_bytes(),
            }),
            Err(error) => self.fail(error).await,
        }
    }
}

/// Waits for the engine, but no longer than the deadline: a lost device never answers.
async fn guarded<T>(work: impl Future<Output = Result<T, TrainError>>) -> Result<T, TrainError> {
    let deadline = async {
        TimeoutFuture::new(DEADLINE_MS).await;
        Err(TrainError::Device("no answer in time".into()))
    };
    future::or(work, deadline).await
}
