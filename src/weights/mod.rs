//! Trained weights as files: what a model is, and how its numbers are stored.
//!
//! Invariant: a model's description is plain data, enough to rebuild its networks; nothing here computes.

mod spec;

pub use spec::{Method, ModelSpec, NetworkSpec, NoiseSpec};
