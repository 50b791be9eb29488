//! Draws scenes on the worker's two canvases.
//!
//! Invariant: both painters show the same picture; they differ in where the tensors live. A canvas
//! belongs to the first painter that takes it: a WebGPU canvas never gives a 2D context.

pub mod buffer;
pub mod cpu;
pub mod gpu;
pub mod mosaic;
pub mod pictures;
pub mod raster;
pub mod surface;
pub mod view;

use crate::engine::scene::Scene;
use crate::protocol::Camera;
use burn::tensor::wgpu::WgpuSetup;
use cpu::CpuPainter;
use gpu::GpuPainter;
use web_sys::OffscreenCanvas;

/// Draws the large picture and the strip of noise levels.
pub enum Painter {
    /// Tensors on the WebGPU device, drawn from their buffers.
    Gpu(Box<GpuPainter>),
    /// Tensors read and drawn in 2D contexts.
    Cpu(CpuPainter),
}

impl Painter {
    /// A painter on the device that trains.
    ///
    /// # Errors
    /// The browser's own message when a shader or pipeline is refused: the canvases are untouched
    /// then, and [`Painter::cpu`] can have them. A canvas that refuses WebGPU is an error too.
    pub async fn gpu(
        setup: WgpuSetup,
        main: OffscreenCanvas,
        strip: OffscreenCanvas,
    ) -> Result<Self, String> {
        Ok(Self::Gpu(Box::new(
            GpuPainter::new(setup, main, strip).await?,
        )))
    }

    /// A painter for tensors on the CPU; those of a GPU it reads, slowly.
    ///
    /// # Errors
    /// Says which canvas gave no 2D context, as one that WebGPU has used does not.
    pub fn cpu(main: OffscreenCanvas, strip: OffscreenCanvas) -> Result<Self, String> {
        Ok(Self::Cpu(CpuPainter::new(main, strip)?))
    }

    /// Draws the large picture, at the camera's size in pixels; a side of zero draws nothing.
    ///
    /// # Errors
    /// Says what kept the frame from being drawn; the next one may succeed.
    pub async fn paint(&mut self, scene: &Scene, camera: &Camera) -> Result<(), String> {
        if camera.width == 0 || camera.height == 0 {
            return Ok(());
        }
        match self {
            Self::Gpu(painter) => painter.paint(scene, camera),
            Self::Cpu(painter) => painter.paint(scene, camera).await,
        }
    }

    /// Draws every noise level's density side by side, `width` by `height` pixels; a side of zero
    /// draws nothing.
    ///
    /// # Errors
    /// Says what kept the frame from being drawn; the next one may succeed.
    pub async fn paint_strip(
        &mut self,
        scene: &Scene,
        width: u32,
        height: u32,
    ) -> Result<(), String> {
        if width == 0 || height == 0 {
            return Ok(());
        }
        match self {
            Self::Gpu(painter) => painter.paint_strip(scene, width, height),
            Self::Cpu(painter) => painter.paint_strip(scene, width, height).await,
        }
    }
}
