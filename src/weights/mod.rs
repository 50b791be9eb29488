//! Trained weights as files: what a model is, and how its numbers are stored.
//!
//! Invariant: a model's description is plain data, enough to rebuild its networks; nothing here computes.

#[cfg(feature = "compute")]
mod file;
#[cfg(feature = "compute")]
mod hash;
pub mod manifest;
pub mod reference;
mod spec;

#[cfg(feature = "compute")]
pub use file::{Array, WeightsError, WeightsFile};
#[cfg(feature = "compute")]
pub use hash::{Sha256, sha256};
pub use spec::{GeneratorSpec, Method, ModelSpec, NetworkSpec, NoiseSpec};
