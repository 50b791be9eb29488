//! Trained weights as files: what a model is, and how its numbers are stored.
//!
//! Invariant: a model's description is plain data, enough to rebuild its networks; nothing here computes.

#[cfg(feature = "compute")]
mod file;
mod spec;

#[cfg(feature = "compute")]
pub use file::{Array, WeightsError, WeightsFile};
pub use spec::{Method, ModelSpec, NetworkSpec, NoiseSpec};
