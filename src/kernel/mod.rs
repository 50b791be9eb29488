//! Hand-written kernels in WGSL (`shaders/`) on burn's tensors.
//!
//! Invariant: a kernel gives the numbers of its CPU twin up to rounding, and is used wherever the
//! tensors lie on a GPU; elsewhere its constructor gives `None` and callers compute op by op.

mod launch;
mod mlp;

pub use launch::on_gpu;
pub use mlp::{MlpKernels, Network, Program, Tape, What};
