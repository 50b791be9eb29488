//! Basin: energy-based models that train and sample where you look at them.
//!
//! The folders are the architecture (`README.md`, "Shape of the repository"): a module may use
//! those below its floor, never those above. `tests/floors.rs` holds the table.

pub mod app;
pub mod colour;
pub mod data;
pub mod diffusion;
#[cfg(feature = "compute")]
pub mod energy;
#[cfg(feature = "compute")]
pub mod engine;
#[cfg(feature = "compute")]
pub mod kernel;
pub mod metric;
#[cfg(feature = "compute")]
pub mod objective;
pub mod protocol;
pub mod rng;
#[cfg(feature = "compute")]
pub mod sampler;
pub mod settings;
#[cfg(feature = "compute")]
mod threads;
#[cfg(feature = "web")]
mod thrown;
pub mod weights;
#[cfg(all(feature = "worker", target_arch = "wasm32"))]
pub mod worker;
