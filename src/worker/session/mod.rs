//! The worker's one task: commands here, runs with their canvases in `lane`, the slices of training in
//! `flight`, those of reports and pictures in `work`, what goes wrong in `recovery`.
//!
//! Invariant: lanes share the device and take turns on it, so one lane's seconds are its own.

mod flight;
mod lane;
mod recovery;
mod studio;
mod work;

use super::device::{self, Gpu, Opened};
use super::inbox::{Inbox, Letter, yield_now};
use super::{Init, post};
use crate::engine::bench::Bench;
use crate::engine::{Train2d, TrainError};
use crate::protocol::{Clock, Command, EVERY_LANE, Event, Lab};
use burn::tensor::Device;
use flight::Flight;
use futures_lite::future;
use gloo_timers::future::TimeoutFuture;
use lane::Lane;
use std::rc::Rc;
use studio::Studio;
use web_time::Instant;

/// Rest between two looks at what is due when nothing is.
const REST_MS: u32 = 8;

/// A wait on the device that lasts longer means that it is gone. Software WebGPU on a busy machine
/// takes long to compile the kernels of a first iteration.
const DEADLINE_MS: u32 = 60_000;

/// Everything the worker owns.
pub struct Session {
    inbox: Rc<Inbox>,
    device: Device,
    lab: Lab,
    gpu: Option<Gpu>,
    lanes: Vec<Lane>,
    /// Iterations that the device is still at.
    flight: Option<Flight>,
    /// When it was last done with some.
    landed: Instant,
    studio: Studio,
    bench: Bench,
    clock: Clock,
    hidden: bool,
    /// Whether the worker has no device any more.
    stranded: bool,
    /// Losses of the device in a row, and the last one.
    losses: u32,
    last_loss: Option<Instant>,
}

impl Session {
    /// Opens the device and tells the page what it is. Each pair of canvases is a lane.
    pub async fn open(init: Init, inbox: Rc<Inbox>) -> Self {
        let Opened { device, lab, gpu } = device::open(init.why_cpu).await;
        let lanes = init.canvases.into_iter().zip(0..);
        let mut session = Self {
            studio: Studio::new(init.images, init.even_software, Rc::clone(&inbox)),
            inbox,
            device,
            lab,
            gpu,
            bench: Bench::default(),
            lanes: lanes.map(|(pair, index)| Lane::new(index, pair)).collect(),
            flight: None,
            landed: Instant::now(),
            clock: Clock::Iterations,
            hidden: false,
            stranded: false,
            losses: 0,
            last_loss: None,
        };
        session.open_painters().await;
        post::event(EVERY_LANE, &Event::Ready(Box::new(session.lab.clone())));
        session
    }

    /// Number of lanes that share the device.
    fn share(&self) -> u32 {
        let lanes = self.lanes.iter().filter(|lane| lane.run.is_some());
        lanes.count().max(1) as u32
    }

    async fn open_painters(&mut self) {
        for lane in &mut self.lanes {
            lane.open_painter(self.gpu.as_ref()).await;
        }
        let gpu = self.gpu.as_ref().map(|gpu| (gpu, self.lab.software));
        self.studio.open_painter(&self.device, gpu).await;
    }

    /// Serves the page until the device is given up.
    pub async fn run(mut self) {
        while !self.stranded {
            while let Some(letter) = self.inbox.pop() {
                if let Err(error) = self.land().await {
                    self.fail(error).await;
                }
                let done = match letter {
                    Letter::Command(_, Command::Images(command)) => {
                        let waits = command.waits_for_host();
                        let done = self.studio.handle(command);
                        match waits {
                            true => done.await,
                            false => guarded(done).await,
                        }
                    }
                    Letter::Command(lane, command) => self.handle(usize::from(lane), command).await,
                    Letter::Fetched {
                        loading,
                        sha256,
                        fetched,
                    } => self.studio.fetched(loading, sha256, fetched).await,
                };
                if let Err(error) = done {
                    self.fail(error).await;
                }
            }
            if self.gpu.as_ref().is_some_and(|gpu| gpu.lost().is_some()) {
                self.recover().await;
            }
            if let Err(error) = self.work().await {
                self.fail(error).await;
            }
            let busy = self.turn().is_some() || self.lanes.iter().any(|l| l.comparing.is_some());
            let waiting = self.lanes.iter().any(|lane| lane.playing || lane.dirty);
            let busy = busy || self.studio.busy();
            match (busy || self.testing(), waiting) {
                (true, _) => yield_now().await,
                // Something is due soon, but nothing yet.
                (false, true) => TimeoutFuture::new(REST_MS).await,
                (false, false) => self.inbox.wait().await,
            }
        }
    }

    async fn handle(&mut self, index: usize, command: Command) -> Result<(), TrainError> {
        let share = self.share();
        let Some(lane) = self.lanes.get_mut(index) else {
            return Ok(());
        };
        lane.dirty = true;
        match command {
            Command::Configure(settings) => lane.configure(*settings, &self.device),
            Command::Play => lane.play(true),
            Command::Pause => lane.play(false),
            Command::Step => lane.step(&self.device, share).await?,
            Command::Reset => {
                if let Some(run) = &lane.run {
                    let settings = run.settings().clone();
                    lane.begin(Train2d::new(settings, self.device.clone()));
                }
            }
            Command::Camera(camera) => lane.camera = camera,
            Command::StripSize { width, height } => {
                lane.strip_size = (width, height);
                lane.next_strip = Instant::now();
            }
            Command::Probe(at) => lane.probe = at,
            Command::Compare => lane.start_comparison().await?,
            Command::StopCompare => lane.comparing = None,
            Command::Export => lane.export().await?,
            Command::Import(bytes) => match Lane::read(&bytes, &self.device) {
                Ok(run) => {
                    lane.post(&Event::Imported(Box::new(run.started())));
                    lane.take(run);
                }
                Err(error) => lane.post(&Event::Refused {
                    message: error.to_string(),
                }),
            },
            Command::Resume(bytes) => lane.begin(Lane::read(&bytes, &self.device)),
            Command::LoseDevice => self.lose_device().await,
            Command::SelfTest => {
                self.lab.checks.clear();
                post::event(EVERY_LANE, &Event::Ready(Box::new(self.lab.clone())));
            }
            Command::Time(subject) => {
                let timing = guarded(self.bench.time(subject, &self.device)).await?;
                post::event(EVERY_LANE, &Event::Timed(timing));
            }
            Command::Clock(clock) => self.clock = clock,
            Command::Hidden(hidden) => {
                self.hidden = hidden;
                for lane in &mut self.lanes {
                    (lane.dirty, lane.pace.iterations) = (true, 1);
                }
            }
            Command::Images(_) => {}
        }
        Ok(())
    }
}

/// Waits for the engine, but no longer than the deadline: a lost device never answers.
async fn guarded<T>(work: impl Future<Output = Result<T, TrainError>>) -> Result<T, TrainError> {
    let deadline = async {
        TimeoutFuture::new(DEADLINE_MS).await;
        Err(TrainError::Device("no answer in time".into()))
    };
    future::or(work, future::or(deadline, device::nudge())).await
}
