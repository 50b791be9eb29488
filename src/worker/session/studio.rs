//! The images' part of a session: the model, the drawing, and the visitor's own images.
//!
//! Invariant: a model is only replaced by one that was loaded whole and checked; a failure leaves the old
//! one and its images.

mod models;
mod own;

use crate::data::export::{grid, npy, png};
use crate::data::images::Images;
use crate::engine::TrainError;
use crate::engine::model::ImageModel;
use crate::engine::sample::{Frame, Sampling, path};
use crate::protocol::{EVERY_LANE, Event, Format, FrameFacts, ImageCommand, ImageEvent};
use crate::settings::{ImageKey, ImageSettings, Value};
use crate::weights::manifest::Manifest;
use crate::weights::reference::Reference;
use crate::worker::device::Gpu;
use crate::worker::inbox::Inbox;
use crate::worker::painter::mosaic::Mosaic;
use crate::worker::post;
use burn::tensor::Device;
use models::Loading;
use own::{TOGETHER, Unread};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;
use web_sys::OffscreenCanvas;
use web_time::Instant;

/// Time between two frames that are told and drawn, and longest slice of work without one.
const FRAME: Duration = Duration::from_millis(60);

/// A model at work, with what is needed to build it again on another device.
struct Model {
    net: ImageModel,
    reference: Option<Reference>,
    file: Vec<u8>,
    most: u32,
}

/// How the grid is looked at.
#[derive(Clone, Copy)]
struct Look {
    /// The frame on show; `None` follows the newest.
    frame: Option<u32>,
    guess: bool,
    width: u32,
    height: u32,
    across: u32,
}

pub(super) struct Studio {
    inbox: Rc<Inbox>,
    device: Device,
    /// The storage that one binding of the GPU takes, in bytes; `None` on the CPU.
    binding: Option<u64>,
    canvas: Option<OffscreenCanvas>,
    /// Whether WebGPU is used even where it is software.
    even_software: bool,
    painter: Option<Mosaic>,
    /// The page's folder.
    base: String,
    manifest: Manifest,
    loading: Option<Loading>,
    /// How many have begun.
    loadings: u32,
    /// The beginning of a file whose loading stopped, by its hash.
    part: Option<(String, Vec<u8>)>,
    model: Option<Model>,
    sampling: Option<Sampling>,
    playing: bool,
    look: Look,
    /// Whether the picture or its facts are due.
    dirty: bool,
    next_frame: Instant,
    own: BTreeMap<u32, Images>,
    /// Photographs that wait to be read, and images that wait for their scores.
    unread: VecDeque<Unread>,
    queue: VecDeque<u32>,
}

fn tell(event: ImageEvent) {
    post::event(EVERY_LANE, &Event::Images(event));
}

impl Studio {
    pub fn new(canvas: Option<OffscreenCanvas>, even_software: bool, inbox: Rc<Inbox>) -> Self {
        Self {
            inbox,
            device: Device::flex(),
            binding: None,
            canvas,
            even_software,
            painter: None,
            base: String::new(),
            manifest: Manifest::default(),
            loading: None,
            loadings: 0,
            part: None,
            model: None,
            sampling: None,
            playing: false,
            look: Look {
                frame: None,
                guess: true,
                width: 0,
                height: 0,
                across: 1,
            },
            dirty: false,
            next_frame: Instant::now(),
            own: BTreeMap::new(),
            unread: VecDeque::new(),
            queue: VecDeque::new(),
        }
    }

    /// Takes a device; `gpu` says whether it is software, which is left for the CPU's own kernels unless
    /// asked for: they are many times faster. Whatever lived on the device before is built again.
    pub async fn open_painter(&mut self, device: &Device, gpu: Option<(&Gpu, bool)>) {
        let Some(canvas) = self.canvas.clone() else {
            return;
        };
        let gpu = gpu.filter(|(_, software)| self.even_software || !software);
        let gpu = gpu.map(|(gpu, _)| gpu);
        let made = match gpu {
            Some(gpu) => Mosaic::gpu(gpu.setup.clone(), canvas).await,
            None => Mosaic::cpu(canvas),
        };
        self.device = match gpu {
            Some(_) => device.clone(),
            None => Device::flex(),
        };
        self.binding = gpu.map(|gpu| gpu.setup.device.limits().max_storage_buffer_binding_size);
        match made {
            Ok(painter) => self.painter = Some(painter),
            Err(message) => post::fault(&message),
        }
        if let Some(model) = self.model.take() {
            self.rebuild(model);
        }
    }

    /// Whether there is work to do without being asked again.
    pub fn busy(&self) -> bool {
        self.playing || self.dirty || !self.unread.is_empty() || !self.queue.is_empty()
    }

    pub async fn handle(&mut self, command: ImageCommand) -> Result<(), TrainError> {
        match command {
            ImageCommand::Models { base } => self.list(base).await,
            ImageCommand::Load { name } => self.load(name).await?,
            ImageCommand::StopLoading => self.stop_loading(),
            ImageCommand::Open(bytes) => self.open_own(bytes).await?,
            ImageCommand::Forget { name } => self.forget(&name).await,
            ImageCommand::Sample(settings) => self.sample(*settings).await?,
            ImageCommand::Play(play) => self.play(play),
            ImageCommand::Step => {
                self.play(false);
                self.step().await?;
            }
            ImageCommand::Stop => {
                if let Some(sampling) = &mut self.sampling {
                    sampling.stop();
                }
                self.play(false);
            }
            ImageCommand::Show(frame) => {
                self.look.frame = frame;
                self.show_now();
            }
            ImageCommand::Guess(guess) => {
                self.look.guess = guess;
                self.show_now();
            }
            ImageCommand::Grid {
                width,
                height,
                across,
            } => {
                (self.look.width, self.look.height, self.look.across) = (width, height, across);
                self.show_now();
            }
            ImageCommand::Save { format, image } => self.save(format, image).await?,
            ImageCommand::Read { id, url, settings } => {
                // Read by another rule, it must not be scored as it was.
                self.unread.retain(|unread| unread.id != id);
                self.queue.retain(|queued| *queued != id);
                self.unread.push_back(Unread { id, url, settings });
            }
            ImageCommand::Take { id, pixels } => self.take(id, pixels),
            ImageCommand::Close { ids } => {
                self.unread.retain(|unread| !ids.contains(&unread.id));
                self.queue.retain(|id| !ids.contains(id));
                ids.iter().for_each(|id| drop(self.own.remove(id)));
            }
            ImageCommand::Score { ids } => {
                let fresh = ids.into_iter().filter(|id| !self.queue.contains(id));
                let fresh: Vec<u32> = fresh.collect();
                self.queue.extend(fresh);
            }
            ImageCommand::Explain { id } => self.explain(id).await?,
            ImageCommand::Denoise { id, noise, seed } => self.denoise(id, noise, seed).await?,
        }
        Ok(())
    }

    /// A slice of what is due: a step of the drawing, a few scores, a picture.
    pub async fn work(&mut self) -> Result<(), TrainError> {
        let began = Instant::now();
        while self.playing {
            self.step().await?;
            if began.elapsed() >= FRAME {
                break;
            }
        }
        if self.dirty && (Instant::now() >= self.next_frame || !self.playing) {
            self.show().await?;
        }
        if self.queue.len() >= TOGETHER || self.unread.is_empty() && !self.queue.is_empty() {
            self.score().await?;
        }
        Ok(())
    }

    async fn sample(&mut self, settings: ImageSettings) -> Result<(), TrainError> {
        let Some(model) = &self.model else {
            tell(failed("there is no model to draw from"));
            return Ok(());
        };
        let mut settings = settings;
        let sampler = settings.choice(ImageKey::Sampler);
        if !model.net.spec.allows(sampler) {
            let why = format!("this model cannot be drawn from by the sampler {sampler:?}");
            tell(failed(&why));
            return Ok(());
        }
        let start = match (
            settings.choice(ImageKey::Sampler),
            settings.choice(ImageKey::Start),
        ) {
            ("langevin", "samples") => match &self.sampling {
                // Clean ones, wherever the drawing before was left.
                Some(before) if !before.path().is_empty() => before.guesses().await?,
                _ => {
                    tell(failed(
                        "there are no samples to start from yet: draw some first",
                    ));
                    return Ok(());
                }
            },
            ("langevin", "own") => {
                let own: Vec<f32> = self.own.values().flat_map(Images::numbers).collect();
                if own.is_empty() {
                    tell(failed(match self.unread.is_empty() {
                        true => "there are no images of yours to start from: drop some first",
                        false => "your images are still being read: try again in a moment",
                    }));
                    return Ok(());
                }
                own
            }
            _ => Vec::new(),
        };
        let numbers = crate::data::images::NUMBERS;
        let mut images = settings.int(ImageKey::Count);
        let mut start = start;
        if !start.is_empty() {
            images = (start.len() / numbers).min(images);
            start.truncate(images * numbers);
        }
        images = images.min(model.most as usize);
        settings.set(ImageKey::Count, Value::Int(images as i64));
        start.truncate(images * numbers);
        self.sampling = Some(Sampling::new(&model.net, settings, Some(start)));
        tell(ImageEvent::Sampling {
            images: images as u32,
        });
        self.look.frame = None;
        self.dirty = true;
        self.play(true);
        Ok(())
    }

    fn play(&mut self, play: bool) {
        let open = self.sampling.as_ref().is_some_and(|s| !s.finished());
        self.playing = play && open;
        self.dirty = true;
        tell(ImageEvent::Playing(self.playing));
    }

    async fn step(&mut self) -> Result<(), TrainError> {
        let (Some(model), Some(sampling)) = (&self.model, &mut self.sampling) else {
            self.playing = false;
            return Ok(());
        };
        sampling.advance(&model.net).await?;
        self.dirty = true;
        if sampling.finished() {
            self.play(false);
        }
        Ok(())
    }

    fn show_now(&mut self) {
        self.dirty = true;
        self.next_frame = Instant::now();
    }

    fn on_show(&self) -> Option<(usize, &Frame)> {
        let path = self.sampling.as_ref()?.path();
        let last = path.len().checked_sub(1)?;
        let index = self.look.frame.map_or(last, |f| (f as usize).min(last));
        Some((index, path.frame(index)?))
    }

    /// Draws the frame on show and tells its facts.
    async fn show(&mut self) -> Result<(), TrainError> {
        let began = Instant::now();
        self.dirty = false;
        let (Some(sampling), Some((index, frame))) = (&self.sampling, self.on_show()) else {
            return Ok(());
        };
        let (done, total) = sampling.progress();
        let tested = sampling.path().frames().map(|f| f.acceptance);
        let tested: Vec<f32> = tested.filter(|a| a.is_finite()).collect();
        tell(ImageEvent::Frame(Box::new(FrameFacts {
            index: index as u32,
            frames: sampling.path().len() as u32,
            step: frame.step,
            done,
            total,
            levels: frame.levels.clone(),
            energies: frame.energies.clone(),
            acceptance: tested.iter().sum::<f32>() / tested.len() as f32,
        })));
        let images = match self.look.guess {
            true => frame.guess.clone(),
            false => frame.state.clone(),
        };
        let Look {
            width,
            height,
            across,
            ..
        } = self.look;
        if let Some(painter) = &mut self.painter
            && let Err(message) = painter.paint(&images, [width, height, across]).await
        {
            post::fault(&message);
        }
        self.next_frame = Instant::now() + FRAME.max(began.elapsed());
        Ok(())
    }

    async fn save(&mut self, format: Format, image: Option<u32>) -> Result<(), TrainError> {
        let Some((_, frame)) = self.on_show() else {
            tell(failed("there is nothing to save yet"));
            return Ok(());
        };
        let images = match self.look.guess {
            true => frame.guess.clone(),
            false => frame.state.clone(),
        };
        let [n, d] = images.dims();
        let one = image.map(|i| (i as usize).min(n - 1));
        let images = match one {
            Some(i) => images.slice([i..i + 1, 0..d]),
            None => images,
        };
        let numbers = crate::engine::numbers_of(images).await?;
        let bytes = match format {
            Format::Npy => npy(&numbers),
            Format::Png => {
                let across = match one {
                    Some(_) => 1,
                    None => self.look.across.max(1) as usize,
                };
                let (width, height, rgb) = grid(&Images::from_numbers(&numbers), across);
                png(width, height, &rgb)
            }
        };
        let settings = self.sampling.as_ref().map(Sampling::settings);
        let seed = settings.map_or(0, |s| s.int(ImageKey::Seed));
        let name = self.model.as_ref().map_or("", |m| m.net.spec.name.as_str());
        let which = one.map_or(String::new(), |i| format!("-{}", i + 1));
        let extension = match format {
            Format::Png => "png",
            Format::Npy => "npy",
        };
        let name = format!("{name}-seed-{seed}{which}.{extension}");
        post::event(EVERY_LANE, &Event::Exported { name, bytes });
        Ok(())
    }
}

/// Bytes that an image takes while it is drawn: its maps and their gradients, and the frames of its path.
fn bytes_per_image(net: &ImageModel) -> u64 {
    let frames = 2 * path::MOST * crate::data::images::NUMBERS;
    (8 * net.maps + 4 * frames) as u64
}

/// Images that the CPU's kernels work on together.
const BATCH: usize = 16;

fn failed(message: &str) -> ImageEvent {
    ImageEvent::Failed {
        message: message.into(),
    }
}
