//! Hand-written kernels of the energies and of what trains them: WGSL (`shaders/`) for tensors on a GPU,
//! vector instructions for tensors in memory.
//!
//! Invariant: both do what tensor operations do one by one, up to rounding, and whoever calls them cannot
//! tell which ones they are.

mod adam;
mod chains;
mod cpu;
mod gpu;
mod mlp;
mod network;
pub mod plan;
mod plan_kernels;

pub use adam::{AdamRule, AdamState, adam};
pub use chains::{ANEW, Parted, Return, Taken, put, take};
pub use cpu::{cpu_multiply_add, silu};
pub use gpu::{
    Plain, Program, Shape, What, fence, loads, multiply_add, on_gpu, products, set_parts,
    set_software,
};
pub use mlp::{MlpKernels, Moved, Seats, TAIL, Weighed, mlp_kernels};
pub use network::Network;
pub use plan_kernels::{PlanKernels, Rule, plan_kernels};
