//! Kernels in WGSL on the buffers of burn's tensors.

mod launch;
mod mlp;

pub use launch::on_gpu;
pub(super) use mlp::GpuMlp;
pub use mlp::{Program, What};
