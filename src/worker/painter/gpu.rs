//! Draws on WebGPU, straight from the tensors' buffers.
//!
//! Invariant: nothing is read back, and nothing waits: a frame is submitted behind the work that
//! makes its tensors, on the same queue.

use super::buffer::Bound;
use super::pictures::Pictures;
use super::surface::{Surface, preferred_format};
use super::view::View;
use crate::engine::scene::Scene;
use crate::protocol::Camera;
use burn::tensor::wgpu::WgpuSetup;
use web_sys::OffscreenCanvas;
use wgpu::{CompositeAlphaMode, Device, Queue, RenderPipeline};

/// Draws scenes whose tensors live on the device of its setup.
pub struct GpuPainter {
    device: Device,
    queue: Queue,
    pictures: Pictures,
    main: Surface,
    strip: Surface,
}

/// One draw call; holds its tensors until it is submitted.
pub(super) struct Layer<'a> {
    pipeline: &'a RenderPipeline,
    tensors: Vec<Bound>,
    vertices: u32,
    instances: u32,
}

impl GpuPainter {
    /// Compiles the pictures, then takes the canvases.
    ///
    /// # Errors
    /// See [`super::Painter::gpu`].
    pub async fn new(
        setup: WgpuSetup,
        main: OffscreenCanvas,
        strip: OffscreenCanvas,
    ) -> Result<Self, String> {
        let WgpuSetup {
            instance,
            adapter,
            device,
            queue,
            ..
        } = setup;
        let format = preferred_format(&instance, &adapter)?;
        let pictures = Pictures::new(&device, format).await?;
        let main = Surface::new(&instance, &device, main, format, CompositeAlphaMode::Opaque)?;
        let strip = Surface::new(
            &instance,
            &device,
            strip,
            format,
            CompositeAlphaMode::PreMultiplied,
        )?;
        Ok(Self {
            device,
            queue,
            pictures,
            main,
            strip,
        })
    }

    /// Draws the large picture; both sides of the camera are above 0.
    ///
    /// # Errors
    /// See [`super::Painter::paint`].
    pub fn paint(&mut self, scene: &Scene, camera: &Camera) -> Result<(), String> {
        let view = View::large(scene, camera);
        let pictures = &self.pictures;
        let heat = [
            self.bind(&scene.energy)?,
            self.bind(&scene.truth)?,
            self.bind(&scene.range)?,
        ];
        let mut layers = vec![Layer::new(&pictures.heat, heat, 3, 1)];

        if let Some(data) = scene.data.as_ref().filter(|data| data.dims()[0] > 0) {
            let count = data.dims()[0] as u32;
            layers.push(Layer::new(&pictures.points, [self.bind(data)?], 6, count));
        }
        if let Some(score) = &scene.score {
            let count = view.arrows * view.arrows;
            layers.push(Layer::new(&pictures.arrows, [self.bind(score)?], 6, count));
        }
        let trails = scene
            .trails
            .as_ref()
            .filter(|trails| trails.shape().num_elements() > 0);
        if let Some(trails) = trails {
            let levels = match &scene.trail_levels {
                Some(levels) => self.bind(levels)?,
                // The shader reads no levels then, but wants some buffer there.
                None => self.bind(trails)?,
            };
            let tensors = [self.bind(trails)?, levels];
            let chains = trails.dims()[1] as u32;
            layers.push(Layer::new(&pictures.trails, tensors, 6 * view.tail, chains));
        }
        let frame = self.main.frame(&self.device, camera.width, camera.height)?;
        let handles = (&self.device, &self.queue);
        draw(handles, frame, &self.main.view, &view, &layers);
        Ok(())
    }

    /// Draws the strip; both sides are above 0.
    ///
    /// # Errors
    /// See [`super::Painter::paint_strip`].
    pub fn paint_strip(&mut self, scene: &Scene, width: u32, height: u32) -> Result<(), String> {
        let view = View::strip(scene, width, height);
        let tensors = [self.bind(&scene.strip)?, self.bind(&scene.range)?];
        let layer = Layer::new(&self.pictures.strip, tensors, 3, 1);
        let frame = self.strip.frame(&self.device, width, height)?;
        let handles = (&self.device, &self.queue);
        draw(handles, frame, &self.strip.view, &view, &[layer]);
        Ok(())
    }

    fn bind<const D: usize>(&self, tensor: &burn::Tensor<D>) -> Result<Bound, String> {
        Bound::new(tensor, &self.device)
    }
}

/// Draws the layers over a clear frame, the first lowest.
pub(super) fn draw(
    (device, queue): (&Device, &Queue),
    frame: Option<wgpu::SurfaceTexture>,
    uniform: &wgpu::Buffer,
    view: &View,
    layers: &[Layer<'_>],
) {
    let Some(frame) = frame else { return };
    queue.write_buffer(uniform, 0, bytemuck::bytes_of(view));
    let target = frame
        .texture
        .create_view(&wgpu::TextureViewDescriptor::default());
    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
        label: None,
        color_attachments: &[Some(wgpu::RenderPassColorAttachment {
            view: &target,
            depth_slice: None,
            resolve_target: None,
            ops: wgpu::Operations {
                load: wgpu::LoadOp::Clear(wgpu::Color::TRANSPARENT),
                store: wgpu::StoreOp::Store,
            },
        })],
        depth_stencil_attachment: None,
        timestamp_writes: None,
        occlusion_query_set: None,
        multiview_mask: None,
    });
    for layer in layers {
        pass.set_pipeline(layer.pipeline);
        pass.set_bind_group(0, &layer.group(device, uniform), &[]);
        pass.draw(0..layer.vertices, 0..layer.instances);
    }
    drop(pass);
    queue.submit([encoder.finish()]);
    queue.present(frame);
}

impl<'a> Layer<'a> {
    pub fn new(
        pipeline: &'a RenderPipeline,
        tensors: impl Into<Vec<Bound>>,
        vertices: u32,
        instances: u32,
    ) -> Self {
        Self {
            pipeline,
            tensors: tensors.into(),
            vertices,
            instances,
        }
    }

    fn group(&self, device: &Device, view: &wgpu::Buffer) -> wgpu::BindGroup {
        let tensors = self.tensors.iter().map(Bound::binding);
        let entries: Vec<wgpu::BindGroupEntry<'_>> = std::iter::once(view.as_entire_binding())
            .chain(tensors)
            .zip(0..)
            .map(|(resource, binding)| wgpu::BindGroupEntry { binding, resource })
            .collect();
        device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &self.pipeline.get_bind_group_layout(0),
            entries: &entries,
        })
    }
}
