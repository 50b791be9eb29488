//! What a GPU can do at most: its arithmetic, its loads, and both together as a network needs them.
//!
//! Invariant: a number of operations is what the kernel's text does, whatever a compiler makes of it; what a
//! kernel needs is asked for before it is run.

use super::launch::{THREADS, buffer, empty, launch, part};
use super::program::{Plain, QUAD, Shape};
use burn::tensor::{Device, Tensor};

/// Workgroups: enough for every lane of a large GPU.
const GROUPS: usize = 512;

/// Operations of an invocation of `shaders/multiply_add.wgsl`.
const OPERATIONS: f64 = 512.0 * 1024.0;

/// Workgroups and loads of an invocation of `shaders/loads.wgsl`.
const LOADING: usize = 64;
const LOADS: f64 = 2048.0 * 8.0;

/// Numbers that it reads.
const NUMBERS: usize = 512;

/// Width and workgroups of `shaders/products.wgsl`, and how often it finds its sums.
const WIDTH: usize = 128;
const MULTIPLYING: usize = 16;
const ROUNDS: f64 = 16.0;

/// What runs multiply-adds and nothing else on `device`, and returns what came out and how many operations,
/// two a multiply-add, that is. `None` off the GPU, as for the next two.
pub fn multiply_add(device: &Device) -> Option<impl FnOnce() -> (Tensor<1>, f64) + use<>> {
    let numbers = GROUPS * THREADS;
    let found = empty(&buffer(&Tensor::<1>::zeros([1], device))?, numbers);
    Some(move || {
        launch(Plain::MultiplyAdd, THREADS, GROUPS, [&found]);
        (part(&found, 0, [numbers]), numbers as f64 * OPERATIONS)
    })
}

/// The same of loads, and how many they are.
pub fn loads(device: &Device) -> Option<impl FnOnce() -> (Tensor<1>, f64) + use<>> {
    let read = buffer(&Tensor::<1>::ones([NUMBERS], device))?;
    let numbers = LOADING * THREADS;
    let found = empty(&read, numbers);
    Some(move || {
        launch(Plain::Loads, THREADS, LOADING, [&read, &found]);
        (part(&found, 0, [numbers]), numbers as f64 * LOADS)
    })
}

/// The same of a layer's matrix products where an invocation has `quads` quads of points, and how many
/// operations they are.
pub fn products(
    device: &Device,
    quads: usize,
) -> Option<impl FnOnce() -> (Tensor<1>, f64) + use<>> {
    let weights = buffer(&Tensor::<1>::full([WIDTH * WIDTH], 1e-3, device))?;
    let shape = Shape::Lane(quads);
    let points = MULTIPLYING * shape.points();
    let found = empty(&weights, points * WIDTH);
    let operations = points as f64 * (2 * WIDTH * WIDTH) as f64 * ROUNDS;
    Some(move || {
        let program = Plain::Products(WIDTH, quads);
        launch(program, shape.threads(), MULTIPLYING, [&weights, &found]);
        (part(&found, 0, [QUAD]), operations)
    })
}
