//! What the arithmetic of a GPU can do at most.

use super::launch::{THREADS, buffer, empty, launch, part};
use super::program::Plain;
use burn::tensor::{Device, Tensor};

/// Workgroups: enough for every lane of a large GPU.
const GROUPS: usize = 512;

/// Operations of an invocation of `shaders/multiply_add.wgsl`.
const OPERATIONS: f64 = 512.0 * 1024.0;

/// Runs multiply-adds and nothing else on `device`, and returns what came out and how many operations, two
/// a multiply-add, that is. `None` off the GPU.
pub fn multiply_add(device: &Device) -> Option<(Tensor<1>, f64)> {
    let beside = buffer(&Tensor::<1>::zeros([1], device))?;
    let numbers = GROUPS * THREADS;
    let found = empty(&beside, numbers);
    launch(Plain::MultiplyAdd, THREADS, GROUPS, [&found]);
    Some((part(&found, 0, [numbers]), numbers as f64 * OPERATIONS))
}
