//! Kernels for tensors on a GPU, in WGSL.

mod adapter;
mod launch;
mod mlp;
mod program;

pub use adapter::set_software;
pub use launch::on_gpu;
pub(super) use mlp::GpuMlp;
pub use program::{Program, Shape, What};
