//! Basin: energy-based models that train and sample where you look at them.
//!
//! The folders are the architecture (`README.md`, "Shape of the repository"): a module may use
//! those below its floor, never those above. `tests/floors.rs` holds the table.

pub mod diffusion;
pub mod protocol;
pub mod rng;
pub mod settings;
