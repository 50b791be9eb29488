//! The worker's one task: commands, training, reports, drawing, recovery.
//!
//! Invariant: the run is only ever replaced by one that was fully built; a failure leaves the old
//! one and its pictures, or the last good checkpoint.

use super::device::{self, Gpu, Opened};
use super::inbox::{Inbox, yield_now};
use super::painter::Painter;
use super::post;
use crate::engine::{CHECKS, Checkpoint, Comparing, Train2d, TrainError, check};
use crate::protocol::{Backend, Camera, Command, Event, Lab, WhyCpu};
use crate::settings::{Key, Settings};
use burn::tensor::Device;
use futures_lite::future;
use gloo_timers::future::TimeoutFuture;
use std::rc::Rc;
use std::time::Duration;
use web_sys::OffscreenCanvas;
use web_time::Instant;

/// Work between two looks at the inbox. Short enough that a click is answered at once.
const SLICE: Duration = Duration::from_millis(30);

/// Rest between two looks at what is due when nothing is.
const REST_MS: u32 = 8;

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

/// A wait on the device that lasts longer means that it is gone. Software WebGPU on a busy machine
/// takes long to compile the kernels of a first iteration.
const DEADLINE_MS: u32 = 60_000;

/// A device lost so often, each time so soon after the last, is given up.
const LOSSES: u32 = 3;
const SOON: Duration = Duration::from_secs(30);

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
    dirty: bool,
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
        cpu: bool,
        inbox: Rc<Inbox>,
    ) -> Self {
        let Opened { device, lab, gpu } = device::open(cpu).await;
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
            if let Err(error) = self.work().await {
                self.fail(error).await;
            }
            if self.gpu.as_ref().is_some_and(|gpu| gpu.lost().is_some()) {
                self.recover().await;
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
            Command::Import(bytes) => {
                let read = Checkpoint::from_bytes(&bytes).map_err(TrainError::Checkpoint);
                match read.and_then(|found| Train2d::resume(found, self.device.clone())) {
                    Ok(run) => self.begin(Ok(run)),
                    Err(error) => post::event(&Event::Refused {
                        message: error.to_string(),
                    }),
                }
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
                self.next_strip = Instant::now();
            }
            _ => self.begin(Train2d::new(settings, self.device.clone())),
        }
    }

    /// Takes a new run, if it could be built.
    fn begin(&mut self, run: Result<Train2d, TrainError>) {
        match run {
            Ok(run) => {
                post::event(&Event::Started(Box::new(run.started())));
                self.run = Some(run);
                self.good = None;
                self.comparing = None;
                let now = Instant::now();
                (self.next_report, self.next_strip, self.next_checkpoint) = (now, now, now);
            }
            Err(error) => post::fault(&error.to_string()),
        }
    }

    fn play(&mut self, playing: bool) {
        let can = self.run.as_ref().is_some_and(|run| !run.finished());
        self.playing = playing && can;
        self.next_iteration = Instant::now();
        // A pause shows the iteration that it came at, not that of the last report.
        self.next_report = Instant::now();
        post::event(&Event::Playing(self.playing));
    }

    async fn step(&mut self) {
        self.play(false);
        let Some(run) = &mut self.run else { return };
        if let Err(error) = guarded(run.advance(1)).await {
            return self.fail(error).await;
        }
        if let Err(error) = self.report().await {
            self.fail(error).await;
        }
    }

    /// One slice of everything that is due.
    async fn work(&mut self) -> Result<(), TrainError> {
        if self.playing && Instant::now() >= self.next_iteration {
            self.train().await?;
        }
        if self.run.is_some() && (self.playing || self.dirty) && Instant::now() >= self.next_report
        {
            self.report().await?;
        }
        self.compare().await?;
        self.draw().await?;
        self.test().await
    }

    /// Whether checks of the self-test are still to be done.
    fn testing(&self) -> bool {
        self.lab.checks.len() < CHECKS
    }

    /// One check of the self-test. On the web a shader that fails to compile gives stale numbers and
    /// no error, so a GPU that fails one is left for the CPU.
    async fn test(&mut self) -> Result<(), TrainError> {
        let picture_comes = self.run.is_some() && self.painter.is_some() && !self.hidden;
        if !self.testing() || (picture_comes && !self.drawn) {
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

    /// Gives up the GPU. A canvas that WebGPU has used gives no 2D context: the page starts another
    /// worker on fresh ones.
    fn strand(&mut self, why: WhyCpu) {
        self.stranded = true;
        post::event(&Event::Stranded(why));
    }

    async fn train(&mut self) -> Result<(), TrainError> {
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
        let took = began.elapsed();
        if count == self.pace {
            let fits = SLICE.as_secs_f64() / took.as_secs_f64().max(1e-4) * count as f64;
            self.pace = (fits as u64).clamp(1, 2 * self.pace);
        }
        self.next_iteration = Instant::now() + pause.saturating_sub(took);
        if !run.finished() {
            return Ok(());
        }
        let iteration = run.iteration();
        self.report().await?;
        // A report of a runaway has put the run back and stopped it already.
        if self.playing {
            self.play(false);
            post::event(&Event::Finished { iteration });
        }
        Ok(())
    }

    async fn report(&mut self) -> Result<(), TrainError> {
        let began = Instant::now();
        let Some(run) = &mut self.run else {
            return Ok(());
        };
        let report = guarded(run.report(None)).await?;
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

    /// Puts the run back to the last good checkpoint and rests.
    fn roll_back(&mut self, iteration: u64, loss: f32) -> Result<(), TrainError> {
        let Some(run) = &self.run else { return Ok(()) };
        let restored = self.rebuild(run.settings().clone())?;
        self.playing = false;
        post::event(&Event::Playing(false));
        post::event(&Event::Diverged {
            iteration,
            restored: restored.iteration(),
            loss,
        });
        post::event(&Event::Started(Box::new(restored.started())));
        self.run = Some(restored);
        Ok(())
    }

    /// The run at the last good checkpoint, or at its start. What the visitor changed since stays
    /// changed: it may be the cure.
    fn rebuild(&self, settings: Settings) -> Result<Train2d, TrainError> {
        let Some(good) = self.good.clone() else {
            return Train2d::new(settings, self.device.clone());
        };
        let mut run = Train2d::resume(good, self.device.clone())?;
        run.configure(settings);
        Ok(run)
    }

    async fn compare(&mut self) -> Result<(), TrainError> {
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

    async fn draw(&mut self) -> Result<(), TrainError> {
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

    /// Destroys the device. A checkpoint is taken first, so that the run is seen to go on exactly;
    /// a loss that nobody asked for goes back to the last one, some seconds old.
    async fn lose_device(&mut self) {
        let Some(gpu) = &self.gpu else { return };
        if let Some(run) = &self.run {
            match guarded(run.checkpoint()).await {
                Ok(checkpoint) => self.good = Some(checkpoint),
                Err(error) => return post::fault(&error.to_string()),
            }
        }
        gpu.setup.device.destroy();
        // The browser reports the loss in a task of its own.
        TimeoutFuture::new(50).await;
    }

    /// A failure of the device counts as its loss; other failures are told.
    async fn fail(&mut self, error: TrainError) {
        match (&error, &self.gpu) {
            (TrainError::Device(_), Some(_)) => self.recover().await,
            _ => post::fault(&error.to_string()),
        }
    }

    /// Asks for the device again and goes on from the last good checkpoint.
    async fn recover(&mut self) {
        let message = self
            .gpu
            .as_ref()
            .and_then(Gpu::lost)
            .unwrap_or_else(|| "no answer in time".into());
        post::event(&Event::DeviceLost {
            message: message.clone(),
        });
        let settings = self.run.as_ref().map(|run| run.settings().clone());
        // Everything that holds buffers of the old device.
        (self.painter, self.comparing, self.gpu, self.run) = (None, None, None, None);
        let soon = self.last_loss.is_some_and(|at| at.elapsed() < SOON);
        self.losses = if soon { self.losses + 1 } else { 1 };
        self.last_loss = Some(Instant::now());
        if self.losses >= LOSSES {
            return self.strand(WhyCpu::Lost(message));
        }
        let Ok(opened) = device::open_gpu().await else {
            return self.strand(WhyCpu::Lost(message));
        };
        self.drawn = false;
        self.device = opened.device;
        self.lab = opened.lab;
        self.gpu = opened.gpu;
        self.open_painter().await;
        let Some(settings) = settings else { return };
        match self.rebuild(settings) {
            Ok(run) => {
                post::event(&Event::Ready(Box::new(self.lab.clone())));
                post::event(&Event::Started(Box::new(run.started())));
                post::event(&Event::Recovered {
                    iteration: run.iteration(),
                    backend: Backend::WebGpu,
                });
                post::event(&Event::Playing(self.playing));
                self.run = Some(run);
                self.dirty = true;
                let now = Instant::now();
                (self.next_report, self.next_strip, self.next_frame) = (now, now, now);
            }
            Err(error) => post::fault(&error.to_string()),
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
