//! What the page and the worker say to each other about images.
//!
//! Invariant: as in the parent module: commands ask, events state facts. Images travel as the networks see
//! them, `[3, SIDE, SIDE]` bytes each.

use crate::settings::ImageSettings;
use crate::weights::reference::Reference;
use serde::{Deserialize, Serialize};

/// What the page asks about images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ImageCommand {
    /// Say which models there are. `base` is the page's folder as a URL.
    Models { base: String },
    /// Load a shipped model: from this machine if it is kept here, else from the page's host.
    Load { name: String },
    /// Stop loading; what has come stays, and loading again goes on from there.
    StopLoading,
    /// Load weights of the visitor's own.
    Open(#[serde(with = "serde_bytes")] Vec<u8>),
    /// Delete a model's files from this machine.
    Forget { name: String },
    /// Begin to draw images with these settings.
    Sample(Box<ImageSettings>),
    /// Go on drawing (true) or rest.
    Play(bool),
    /// One step, then rest.
    Step,
    /// Give the drawing up; what is drawn stays.
    Stop,
    /// Show a frame of the path; `None` follows the newest.
    Show(Option<u32>),
    /// Show clean guesses (true) or the images themselves.
    Guess(bool),
    /// The size of the grid's canvas in device pixels, and the images in a row.
    Grid {
        width: u32,
        height: u32,
        across: u32,
    },
    /// Send what is on show as a file: all images, or one of them.
    Save { format: Format, image: Option<u32> },
    /// Read an image of the visitor's from a URL of the page's own.
    Read {
        id: u32,
        url: String,
        /// How it becomes small.
        settings: Box<ImageSettings>,
    },
    /// Take images as they are.
    Take {
        id: u32,
        #[serde(with = "serde_bytes")]
        pixels: Vec<u8>,
    },
    /// Forget images of the visitor's.
    Close { ids: Vec<u32> },
    /// Score images that were read or taken.
    Score { ids: Vec<u32> },
    /// Say where an image's scores come from.
    Explain { id: u32 },
    /// Put noise on an image and take it away again.
    Denoise { id: u32, noise: f64, seed: u64 },
}

impl ImageCommand {
    /// Whether carrying it out waits for the page's host or the browser, not for the device alone.
    pub fn waits_for_host(&self) -> bool {
        matches!(
            self,
            Self::Models { .. } | Self::Load { .. } | Self::Open(_) | Self::Forget { .. }
        )
    }
}

/// A file format for drawn images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    Png,
    Npy,
}

/// What the worker tells about images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ImageEvent {
    /// The shipped models, and the names of those kept on this machine.
    Models {
        /// The manifest's text.
        manifest: String,
        kept: Vec<String>,
    },
    /// The shipped models could not be listed.
    NoModels {
        message: String,
    },
    /// Bytes that have come, of all.
    Loading {
        received: u64,
        total: u64,
    },
    /// Loading stopped, because it was asked to or because it failed.
    NotLoaded {
        message: Option<String>,
    },
    Loaded(Box<Loaded>),
    /// The names of the models kept on this machine, and why one could not be kept.
    Kept {
        names: Vec<String>,
        problem: Option<String>,
    },
    /// What was drawn is gone with the device that it lived on.
    DrawingLost,
    /// A drawing of so many images begins.
    Sampling {
        images: u32,
    },
    Playing(bool),
    Frame(Box<FrameFacts>),
    /// An image of the visitor's as the model sees it.
    Read(Box<Seen>),
    /// An image that could not be read.
    Unreadable {
        id: u32,
        message: String,
    },
    Scored(Box<Scored>),
    Explained(Box<Explained>),
    Denoised(Box<Denoised>),
    /// Something could not be done; nothing has changed.
    Failed {
        message: String,
    },
}

/// A model ready for work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Loaded {
    pub name: String,
    /// The samplers that it can be drawn from by.
    pub samplers: Vec<String>,
    /// Whether it is one of the visitor's own.
    pub own: bool,
    pub parameters: u64,
    /// SHA-256 of the file.
    pub sha256: String,
    /// Deviation of the noise of each level in units of its signal.
    pub noise: Vec<f32>,
    /// Largest relative difference of the golden energies; `None` where none are known.
    pub golden_error: Option<f32>,
    /// Seconds that one evaluation of energy and gradient takes for `batch` images.
    pub seconds: f32,
    pub batch: u32,
    /// Whether it computes on WebGPU.
    pub on_gpu: bool,
    /// Most images that fit the device at a time.
    pub most: u32,
    /// Bytes that one image takes while it is worked on.
    pub bytes_per_image: u64,
    pub reference: Option<Box<Reference>>,
}

/// The golden energies may be off by this share on any device.
pub const GOLDEN_TOLERANCE: f32 = 1e-3;

/// The images drawn so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FrameFacts {
    /// The frame on show, of so many kept.
    pub index: u32,
    pub frames: u32,
    /// Steps done before this frame.
    pub step: u64,
    /// Steps done of all in the drawing.
    pub done: u64,
    pub total: u64,
    pub levels: Vec<u32>,
    pub energies: Vec<f32>,
    /// Mean acceptance of all frames; NaN where no moves are tested.
    pub acceptance: f32,
}

/// An image of the visitor's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    pub id: u32,
    /// Pixels of the original.
    pub width: u32,
    pub height: u32,
    /// The image as the model sees it, `[3, SIDE, SIDE]`.
    #[serde(with = "serde_bytes")]
    pub pixels: Vec<u8>,
    /// The settings by which it became small: filter and shape; empty for images that had the size.
    pub how: String,
    /// A small copy of the original: width, height, and RGBA bytes.
    pub thumb: (u32, u32),
    #[serde(with = "serde_bytes")]
    pub thumb_rgba: Vec<u8>,
}

/// Scores of an image, column by column, with the percent of training images that score lower.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    pub id: u32,
    pub scores: Vec<f32>,
    /// Empty where the model has no reference.
    pub percentiles: Vec<f32>,
}

/// Where an image's scores come from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Explained {
    pub id: u32,
    /// Deviation of the noise of each level that was looked at.
    pub noise: Vec<f32>,
    pub energies: Vec<f32>,
    pub norms: Vec<f32>,
    /// Length of the gradient at each pixel, each map scaled to 0 to 255, `[levels, SIDE, SIDE]`.
    #[serde(with = "serde_bytes")]
    pub gradients: Vec<u8>,
    /// The image before and after some Langevin steps, `[3, SIDE, SIDE]` each.
    #[serde(with = "serde_bytes")]
    pub before: Vec<u8>,
    #[serde(with = "serde_bytes")]
    pub after: Vec<u8>,
    pub steps: u32,
}

/// An image with noise on it and without again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Denoised {
    pub id: u32,
    pub level: u32,
    pub noise: f32,
    #[serde(with = "serde_bytes")]
    pub noisy: Vec<u8>,
    #[serde(with = "serde_bytes")]
    pub clean: Vec<u8>,
    pub noisy_psnr: f32,
    pub clean_psnr: f32,
}
