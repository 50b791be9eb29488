//! A canvas that WebGPU draws on.
//!
//! Invariant: the canvas has the size of the last frame asked for.

use super::view::View;
use web_sys::OffscreenCanvas;
use wgpu::{CompositeAlphaMode, CurrentSurfaceTexture, Device, Instance, TextureFormat};

/// A canvas with its WebGPU context and the uniform buffer of its view.
pub struct Surface {
    surface: wgpu::Surface<'static>,
    config: wgpu::SurfaceConfiguration,
    pub view: wgpu::Buffer,
}

impl Surface {
    /// Takes the canvas; it gets its size with the first frame.
    ///
    /// # Errors
    /// The system's message when the canvas gives no WebGPU context.
    pub fn new(
        instance: &Instance,
        device: &Device,
        canvas: OffscreenCanvas,
        format: TextureFormat,
        alpha_mode: CompositeAlphaMode,
    ) -> Result<Self, String> {
        let surface = instance
            .create_surface(wgpu::SurfaceTarget::OffscreenCanvas(canvas))
            .map_err(|error| error.to_string())?;
        let config = wgpu::SurfaceConfiguration {
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT,
            format,
            color_space: wgpu::SurfaceColorSpace::Auto,
            width: 0,
            height: 0,
            present_mode: wgpu::PresentMode::Fifo,
            desired_maximum_frame_latency: 2,
            alpha_mode,
            view_formats: Vec::new(),
        };
        let view = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("view"),
            size: size_of::<View>() as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        Ok(Self {
            surface,
            config,
            view,
        })
    }

    /// The texture of the next frame, `width` by `height` pixels, both above 0; `None` when the
    /// system wants no frame now.
    ///
    /// # Errors
    /// When the canvas has lost its device.
    pub fn frame(
        &mut self,
        device: &Device,
        width: u32,
        height: u32,
    ) -> Result<Option<wgpu::SurfaceTexture>, String> {
        if (self.config.width, self.config.height) != (width, height) {
            (self.config.width, self.config.height) = (width, height);
            self.surface.configure(device, &self.config);
        }
        match self.surface.get_current_texture() {
            CurrentSurfaceTexture::Success(frame) | CurrentSurfaceTexture::Suboptimal(frame) => {
                Ok(Some(frame))
            }
            CurrentSurfaceTexture::Timeout | CurrentSurfaceTexture::Occluded => Ok(None),
            other => Err(format!("the canvas gave no frame: {other:?}")),
        }
    }
}

/// The format that canvases of this system are drawn in at no cost, asked of a canvas made for it.
///
/// # Errors
/// The system's message when WebGPU does not draw on canvases here.
pub fn preferred_format(
    instance: &Instance,
    adapter: &wgpu::Adapter,
) -> Result<TextureFormat, String> {
    let canvas = OffscreenCanvas::new(1, 1).map_err(|error| format!("{error:?}"))?;
    let probe = instance
        .create_surface(wgpu::SurfaceTarget::OffscreenCanvas(canvas))
        .map_err(|error| error.to_string())?;
    let formats = probe.get_capabilities(adapter).formats;
    formats
        .first()
        .copied()
        .ok_or_else(|| "WebGPU draws on no canvas format".to_owned())
}
