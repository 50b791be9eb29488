//! The pipelines of `shaders/`, one a picture.
//!
//! Invariant: each binds the view at 0 and its tensors from 1 on, in the order that its shader's
//! header names them, and draws with opacity multiplied into the colours.

use wgpu::{Device, RenderPipeline, TextureFormat};

const COLOUR: &str = include_str!("../../../shaders/colour.wgsl");
const VIEW: &str = include_str!("../../../shaders/view.wgsl");

/// The pipelines, all for canvases of one format.
pub struct Pictures {
    pub heat: RenderPipeline,
    pub points: RenderPipeline,
    pub trails: RenderPipeline,
    pub arrows: RenderPipeline,
    pub strip: RenderPipeline,
}

impl Pictures {
    /// Compiles the shaders.
    ///
    /// # Errors
    /// The browser's message on the first shader or pipeline that it refuses. Without the error
    /// scope a refused pipeline would draw nothing and say nothing.
    pub async fn new(device: &Device, format: TextureFormat) -> Result<Self, String> {
        let scope = device.push_error_scope(wgpu::ErrorFilter::Validation);
        let make = |name, text| pipeline(device, format, name, text);
        let pictures = Self {
            heat: make("heat", include_str!("../../../shaders/heat.wgsl")),
            points: make("points", include_str!("../../../shaders/points.wgsl")),
            trails: make("trails", include_str!("../../../shaders/trails.wgsl")),
            arrows: make("arrows", include_str!("../../../shaders/arrows.wgsl")),
            strip: make("strip", include_str!("../../../shaders/strip.wgsl")),
        };
        match scope.pop().await {
            None => Ok(pictures),
            Some(error) => Err(format!("the pictures' shaders: {error}")),
        }
    }
}

/// The pipeline of small images side by side.
///
/// # Errors
/// See [`Pictures::new`].
pub async fn mosaic(device: &Device, format: TextureFormat) -> Result<RenderPipeline, String> {
    let scope = device.push_error_scope(wgpu::ErrorFilter::Validation);
    let text = include_str!("../../../shaders/mosaic.wgsl");
    let made = pipeline(device, format, "mosaic", text);
    match scope.pop().await {
        None => Ok(made),
        Some(error) => Err(format!("the images' shader: {error}")),
    }
}

fn pipeline(device: &Device, format: TextureFormat, name: &str, text: &str) -> RenderPipeline {
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some(name),
        source: wgpu::ShaderSource::Wgsl([COLOUR, VIEW, text].concat().into()),
    });
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some(name),
        layout: None,
        vertex: wgpu::VertexState {
            module: &module,
            entry_point: Some("corners"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            buffers: &[],
        },
        primitive: wgpu::PrimitiveState::default(),
        depth_stencil: None,
        multisample: wgpu::MultisampleState::default(),
        fragment: Some(wgpu::FragmentState {
            module: &module,
            entry_point: Some("shade"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            targets: &[Some(wgpu::ColorTargetState {
                format,
                blend: Some(wgpu::BlendState::PREMULTIPLIED_ALPHA_BLENDING),
                write_mask: wgpu::ColorWrites::ALL,
            })],
        }),
        multiview_mask: None,
        cache: None,
    })
}
