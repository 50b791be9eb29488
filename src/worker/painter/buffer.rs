//! A tensor as a buffer that a shader can read.
//!
//! Invariant: the bound range holds the tensor's values and nothing else, row-major, and stays
//! the tensor's own while the `Bound` lives.

use burn::backend::Cube;
use burn::backend::wgpu::{AutoCompiler, CubeTensor};
use burn::cubecl::wgpu::WgpuServer;
use burn::tensor::{DType, Tensor};
use std::num::NonZeroU64;

/// A tensor's place in GPU memory.
pub struct Bound {
    /// Holds the allocation.
    _tensor: CubeTensor,
    buffer: wgpu::Buffer,
    offset: u64,
    bytes: NonZeroU64,
}

impl Bound {
    /// Finds the buffer of a tensor, of any shape, with single-precision values, and submits the
    /// work that fills it: work submitted next sees its values.
    ///
    /// # Errors
    /// When the tensor is empty, tracks gradients, is not on the GPU, or the device failed.
    pub fn new<const D: usize>(tensor: &Tensor<D>, device: &wgpu::Device) -> Result<Self, String> {
        let count = tensor.shape().num_elements();
        // Flattening copies a tensor whose values are not row-major.
        let tensor = tensor
            .clone()
            .reshape([count])
            .try_into_primitive::<Cube>()
            .map_err(|error| format!("{error:?}"))?;
        if tensor.dtype != DType::F32 || !tensor.is_contiguous() {
            return Err(format!("a picture cannot be drawn from {tensor:?}"));
        }
        let managed = tensor
            .client
            .get_resource::<WgpuServer<AutoCompiler>>(tensor.handle.clone())
            .map_err(|error| format!("{error:?}"))?;
        tensor
            .client
            .flush()
            .map_err(|error| format!("{error:?}"))?;
        let resource = managed.resource();
        let alignment = u64::from(device.limits().min_storage_buffer_offset_alignment);
        if !resource.offset.is_multiple_of(alignment) {
            return Err(format!(
                "a tensor lies at {}, off {alignment} bytes",
                resource.offset
            ));
        }
        let bytes = NonZeroU64::new(4 * count as u64).ok_or("a picture of an empty tensor")?;
        Ok(Self {
            buffer: resource.buffer.clone(),
            offset: resource.offset,
            bytes,
            _tensor: tensor,
        })
    }

    /// The range to bind as read-only storage.
    pub fn binding(&self) -> wgpu::BindingResource<'_> {
        wgpu::BindingResource::Buffer(wgpu::BufferBinding {
            buffer: &self.buffer,
            offset: self.offset,
            size: Some(self.bytes),
        })
    }
}
