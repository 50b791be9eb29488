//! Launching a WGSL kernel on the buffers of tensors.
//!
//! Invariant: every buffer is bound from its tensor's first value, row-major; an output holds what
//! the kernel wrote and nothing older.

use burn::backend::Cube;
use burn::backend::wgpu::{CubeDim, CubeTensor, KernelSource, SourceKernel, into_contiguous};
use burn::cubecl::CubeCount;
use burn::cubecl::server::KernelArguments;
use burn::tensor::{DType, Shape, Tensor};

/// Whether this build's devices compile WGSL: those that `vulkan` brings in do not.
const WGSL: bool = !cfg!(feature = "vulkan");

/// Most workgroups of a launch, on every device.
pub(super) const GROUPS: usize = 65_535;

/// A part of a buffer begins at a multiple of this many numbers: 256 bytes, which suffices every device.
pub(super) const ALIGN: usize = 64;

/// Invocations of a workgroup, where each does its own.
pub(super) const THREADS: usize = 64;

/// Whether a tensor is on a GPU.
pub fn on_gpu<const D: usize>(tensor: &Tensor<D>) -> bool {
    tensor.clone().try_into_primitive::<Cube>().is_ok()
}

/// The buffer of a tensor of single-precision values; `None` off the GPU, in builds whose devices
/// compile no WGSL, and for a tensor that tracks gradients.
pub(super) fn buffer<const D: usize>(tensor: &Tensor<D>) -> Option<CubeTensor> {
    let tensor = tensor.clone().try_into_primitive::<Cube>().ok()?;
    (WGSL && tensor.dtype == DType::F32).then(|| into_contiguous(tensor))
}

/// A buffer for `numbers` values beside another, with nothing in it.
pub(super) fn empty(beside: &CubeTensor, numbers: usize) -> CubeTensor {
    CubeTensor::new_contiguous(
        beside.client.clone(),
        beside.device.clone(),
        Shape::from([numbers]),
        beside.client.empty(numbers * size_of::<f32>()),
        DType::F32,
    )
}

/// The part of a buffer from entry `first` on, a multiple of [`ALIGN`], as a tensor.
pub(super) fn part<const D: usize>(
    buffer: &CubeTensor,
    first: usize,
    shape: [usize; D],
) -> Tensor<D> {
    debug_assert!(
        first.is_multiple_of(ALIGN),
        "a part begins where devices can bind it"
    );
    let size = size_of::<f32>() as u64;
    let numbers: usize = shape.iter().product();
    let rest = buffer.meta.num_elements() - first - numbers;
    let handle = buffer.handle.clone();
    let handle = handle
        .offset_start(first as u64 * size)
        .offset_end(rest as u64 * size);
    Tensor::from_primitive::<Cube>(CubeTensor::new_contiguous(
        buffer.client.clone(),
        buffer.device.clone(),
        Shape::from(shape),
        handle,
        DType::F32,
    ))
}

/// A buffer of words beside another.
pub(super) fn words(beside: &CubeTensor, words: &[u32]) -> CubeTensor {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    CubeTensor::new_contiguous(
        beside.client.clone(),
        beside.device.clone(),
        Shape::from([words.len()]),
        beside.client.create_from_slice(&bytes),
        DType::U32,
    )
}

/// The two halves of a long word.
pub(super) fn halves(word: u64) -> [u32; 2] {
    [word as u32, (word >> 32) as u32]
}

/// Runs `groups` workgroups, of `threads` invocations, with `buffers` bound in their order. One that is
/// there twice is copied: WebGPU drops a launch that could write to a buffer through two bindings, and says
/// so to the console only.
pub(super) fn launch<'a>(
    kernel: impl KernelSource,
    threads: usize,
    groups: usize,
    buffers: impl IntoIterator<Item = &'a CubeTensor>,
) {
    let buffers: Vec<&CubeTensor> = buffers.into_iter().collect();
    let mut places = Vec::with_capacity(buffers.len());
    let mut arguments = KernelArguments::new();
    for buffer in &buffers {
        let mut binding = buffer.handle.clone().binding();
        let place = (binding.memory.id(), binding.offset_start);
        if places.contains(&place) {
            binding = buffer.copy().handle.binding();
        }
        places.push(place);
        arguments = arguments.with_buffer(binding);
    }
    let Some(first) = buffers.first() else { return };
    first.client.launch(
        Box::new(SourceKernel::new(kernel, CubeDim::new_1d(threads as u32))),
        CubeCount::Static(groups as u32, 1, 1),
        arguments,
    );
}
