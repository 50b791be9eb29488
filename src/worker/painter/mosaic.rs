//! Draws small images side by side on one canvas.
//!
//! Invariant: on WebGPU the images come straight from their tensor's buffer; in memory they are read and
//! drawn in a 2D context, every pixel a plain square either way.

use super::buffer::Bound;
use super::cpu::{Sheet, read, said};
use super::gpu::{Layer, draw};
use super::pictures;
use super::surface::{Surface, preferred_format};
use super::view::View;
use crate::data::images::{Images, SIDE};
use burn::tensor::Tensor;
use burn::tensor::wgpu::WgpuSetup;
use bytemuck::Zeroable;
use web_sys::OffscreenCanvas;
use wgpu::{CompositeAlphaMode, Device, Queue, RenderPipeline};

/// Share of a cell between two images.
const GAP: f32 = 0.04;

pub enum Mosaic {
    Gpu(Box<Gpu>),
    Cpu { canvas: Sheet, image: Sheet },
}

pub struct Gpu {
    device: Device,
    queue: Queue,
    pipeline: RenderPipeline,
    surface: Surface,
}

impl Mosaic {
    /// Draws tensors of the device of this setup.
    ///
    /// # Errors
    /// The browser's message when it refuses shader or canvas.
    pub async fn gpu(setup: WgpuSetup, canvas: OffscreenCanvas) -> Result<Self, String> {
        let format = preferred_format(&setup.instance, &setup.adapter)?;
        let pipeline = pictures::mosaic(&setup.device, format).await?;
        let alpha = CompositeAlphaMode::PreMultiplied;
        let surface = Surface::new(&setup.instance, &setup.device, canvas, format, alpha)?;
        Ok(Self::Gpu(Box::new(Gpu {
            device: setup.device,
            queue: setup.queue,
            pipeline,
            surface,
        })))
    }

    /// Draws tensors in memory.
    ///
    /// # Errors
    /// If the canvas gives no 2D context.
    pub fn cpu(canvas: OffscreenCanvas) -> Result<Self, String> {
        let side = SIDE as u32;
        let image = OffscreenCanvas::new(side, side).map_err(said)?;
        Ok(Self::Cpu {
            canvas: Sheet::new(canvas, "images'")?,
            image: Sheet::new(image, "small")?,
        })
    }

    /// Draws images `[n, NUMBERS]`, `across` in a row, on `width` by `height` pixels; a side of zero draws
    /// nothing.
    ///
    /// # Errors
    /// Says what kept the frame from being drawn; the next one may succeed.
    pub async fn paint(
        &mut self,
        images: &Tensor<2>,
        [width, height, across]: [u32; 3],
    ) -> Result<(), String> {
        if width == 0 || height == 0 || across == 0 {
            return Ok(());
        }
        let [n, _] = images.dims();
        let cell = width as f32 / across as f32;
        let gap = (GAP * cell).round().max(1.0);
        match self {
            Self::Gpu(gpu) => {
                let view = View {
                    pixels: [width as f32, height as f32],
                    grid: across,
                    levels: n as u32,
                    mark: gap,
                    ..View::zeroed()
                };
                let tensors = [Bound::new(images, &gpu.device)?];
                let layer = Layer::new(&gpu.pipeline, tensors, 3, 1);
                let frame = gpu.surface.frame(&gpu.device, width, height)?;
                let handles = (&gpu.device, &gpu.queue);
                draw(handles, frame, &gpu.surface.view, &view, &[layer]);
            }
            Self::Cpu { canvas, image } => {
                let images = Images::from_numbers(&read(images).await?);
                canvas.resize(width, height);
                let context = &canvas.context;
                let [w, h] = [width, height].map(f64::from);
                context.clear_rect(0.0, 0.0, w, h);
                context.set_image_smoothing_enabled(false);
                for i in 0..n {
                    let rgb = images.interleaved(i);
                    let rgba: Vec<u8> = rgb
                        .as_chunks::<3>()
                        .0
                        .iter()
                        .flat_map(|&[r, g, b]| [r, g, b, 255])
                        .collect();
                    image.fill(&rgba, [SIDE as f32; 2])?;
                    let place = [i as u32 % across, i as u32 / across];
                    let [x, y] = place.map(|p| f64::from(p as f32 * cell));
                    let side = f64::from(cell - gap);
                    context
                        .draw_image_with_offscreen_canvas_and_dw_and_dh(
                            &image.canvas,
                            x,
                            y,
                            side,
                            side,
                        )
                        .map_err(said)?;
                }
            }
        }
        Ok(())
    }
}
