//! The pages of images: Sample and Score, which share a worker, a model and the visitor's images.

mod control;
mod denoise;
mod explain;
mod grid;
mod histogram;
mod model;
mod own;
mod pixels;
mod sample;
mod score;
mod studio;
mod table;
mod workshop;

pub use own::{accept_pastes, files_of};
pub use studio::{Studio, use_studio};
pub use workshop::Workshop;
