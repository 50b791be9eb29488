//! The page: what visitors see and touch.
//!
//! Invariant: knows settings, protocol, data and diffusion; never burn, never wgpu. Everything
//! outside `view` is free of the browser and tested natively.

pub mod ablation;
pub mod gallery;
pub mod history;
pub mod image_words;
pub mod lens;
pub mod outlying;
pub mod run;
pub mod scale;
pub mod score_table;
pub mod timings;
pub mod words;

#[cfg(feature = "page")]
mod view;

#[cfg(feature = "page")]
pub use view::mount;
