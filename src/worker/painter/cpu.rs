//! Draws in 2D contexts. Tensors are read: at once in memory, by a copy each from a GPU.
//!
//! Invariant: the picture is that of the shaders, at fewer pixels: the heat map has at most
//! [`HEAT_SIDE`] pixels a side and is scaled up, marks are squares.

use super::raster::{self, Heat, Range};
use super::view::View;
use crate::colour::{self, Rgba};
use crate::engine::scene::{Picture, Scene};
use crate::protocol::Camera;
use burn::tensor::Tensor;
use wasm_bindgen::{Clamped, JsCast, JsValue};
use web_sys::{ImageData, OffscreenCanvas, OffscreenCanvasRenderingContext2d};

/// Longest side of the heat map in pixels: a frame's colours take a few tens of milliseconds.
const HEAT_SIDE: f32 = 512.0;

/// Draws scenes wherever their tensors live; meant for those in memory.
pub struct CpuPainter {
    main: Sheet,
    strip: Sheet,
    /// Holds the heat map before it is scaled.
    heat: Sheet,
}

impl CpuPainter {
    /// Takes the canvases.
    ///
    /// # Errors
    /// See [`super::Painter::cpu`].
    pub fn new(main: OffscreenCanvas, strip: OffscreenCanvas) -> Result<Self, String> {
        let heat = OffscreenCanvas::new(1, 1).map_err(said)?;
        Ok(Self {
            main: Sheet::new(main, "large")?,
            strip: Sheet::new(strip, "strip's")?,
            heat: Sheet::new(heat, "heat map's")?,
        })
    }

    /// Draws the large picture; both sides of the camera are above 0.
    ///
    /// # Errors
    /// See [`super::Painter::paint`].
    pub async fn paint(&mut self, scene: &Scene, camera: &Camera) -> Result<(), String> {
        let view = View::large(scene, camera);
        let shrink = (HEAT_SIDE / view.pixels[0].max(view.pixels[1])).min(1.0);
        let small = View {
            pixels: view.pixels.map(|side| (side * shrink).round().max(1.0)),
            ..view
        };
        let energy = read(&scene.energy).await?;
        let truth = match scene.picture {
            Picture::Difference => read(&scene.truth).await?,
            Picture::Density | Picture::Energy => Vec::new(),
        };
        let ranges = ranges(scene).await?;
        let range = *ranges
            .get(scene.level)
            .ok_or("the scene's level has no range")?;
        let image = Heat {
            energy: &energy,
            truth: &truth,
            range,
        }
        .image(&small);
        self.heat.fill(&image, small.pixels)?;
        self.main.resize(camera.width, camera.height);
        let [width, height] = view.pixels.map(f64::from);
        self.main
            .context
            .draw_image_with_offscreen_canvas_and_dw_and_dh(
                &self.heat.canvas,
                0.0,
                0.0,
                width,
                height,
            )
            .map_err(said)?;

        if let Some(data) = &scene.data {
            self.main.ink(colour::DATA, 1.0);
            for place in pairs(&read(data).await?) {
                self.main
                    .dot(view.pixel_of(place), colour::DATA_RADIUS * view.mark);
            }
        }
        if let Some(score) = &scene.score {
            self.arrows(&view, &read(score).await?);
        }
        if let Some(trails) = &scene.trails {
            let levels = match &scene.trail_levels {
                Some(levels) => Some(read(levels).await?),
                None => None,
            };
            let [tail, chains, _] = trails.dims();
            let shown: Vec<usize> = (0..chains)
                .filter(|&chain| {
                    levels
                        .as_ref()
                        .is_none_or(|of| (of[chain] - scene.level as f32).abs() < 0.5)
                })
                .collect();
            let pixels: Vec<[f32; 2]> = pairs(&read(trails).await?)
                .map(|place| view.pixel_of(place))
                .collect();
            self.trails(&view, &pixels, [tail, chains], &shown);
        }
        Ok(())
    }

    /// Draws the strip; both sides are above 0.
    ///
    /// # Errors
    /// See [`super::Painter::paint_strip`].
    pub async fn paint_strip(
        &mut self,
        scene: &Scene,
        width: u32,
        height: u32,
    ) -> Result<(), String> {
        let view = View::strip(scene, width, height);
        let energy = read(&scene.strip).await?;
        let image = raster::strip(&energy, &ranges(scene).await?, &view);
        self.strip.fill(&image, view.pixels)
    }

    /// See `shaders/trails.wgsl`; `pixels[step * chains + chain]`.
    fn trails(
        &self,
        view: &View,
        pixels: &[[f32; 2]],
        [tail, chains]: [usize; 2],
        shown: &[usize],
    ) {
        for step in 1..tail {
            let share = step as f32 / tail as f32;
            self.main.ink(colour::CHAIN, colour::TAIL_OPACITY * share);
            self.main.lines(
                2.0 * colour::TAIL_RADIUS * view.mark,
                shown
                    .iter()
                    .map(|chain| [step - 1, step].map(|at| pixels[at * chains + chain])),
            );
        }
        let Some(newest) = tail.checked_sub(1) else {
            return;
        };
        let radius = colour::CHAIN_RADIUS * view.mark;
        for (ink, radius) in [
            (colour::RIM, radius),
            (colour::CHAIN, radius - 0.5 * view.mark),
        ] {
            self.main.ink(ink, 1.0);
            for chain in shown {
                self.main.dot(pixels[newest * chains + chain], radius);
            }
        }
    }

    /// See `shaders/arrows.wgsl`.
    fn arrows(&self, view: &View, score: &[f32]) {
        let side = 2.0 * view.reach / view.arrows as f32;
        let strokes = pairs(score).enumerate().flat_map(|(cell, [x, y])| {
            let index = [cell % view.arrows as usize, cell / view.arrows as usize];
            let size = x.hypot(y);
            let share = 0.42 * side / (1.0 + size * side) * side;
            let ends = [-1.0, 1.0].map(|end| {
                let place = |axis: usize, s: f32| {
                    let centre = view.scene[axis] - view.reach + (index[axis] as f32 + 0.5) * side;
                    centre + end * s * share
                };
                view.pixel_of([place(0, x), place(1, y)])
            });
            let [a, b] = ends;
            let [dx, dy] = [b[0] - a[0], b[1] - a[1]];
            let span = dx.hypot(dy);
            let head = (4.5 * view.mark).min(0.5 * span) / span;
            let barb = |turn: f32| {
                [
                    b,
                    [
                        b[0] - head * (dx - turn * dy),
                        b[1] - head * (dy + turn * dx),
                    ],
                ]
            };
            if span > 1.0 {
                vec![ends, barb(0.5), barb(-0.5)]
            } else {
                Vec::new()
            }
        });
        self.main.ink(colour::ARROW, 1.0);
        self.main.lines(1.1 * view.mark, strokes);
    }
}

/// A canvas with its 2D context.
pub struct Sheet {
    pub canvas: OffscreenCanvas,
    pub context: OffscreenCanvasRenderingContext2d,
}

impl Sheet {
    pub fn new(canvas: OffscreenCanvas, name: &str) -> Result<Self, String> {
        let context = canvas
            .get_context("2d")
            .map_err(said)?
            .and_then(|context| context.dyn_into().ok())
            .ok_or_else(|| format!("the {name} canvas gives no 2D context"))?;
        Ok(Self { canvas, context })
    }

    pub fn resize(&self, width: u32, height: u32) {
        if (self.canvas.width(), self.canvas.height()) != (width, height) {
            self.canvas.set_width(width);
            self.canvas.set_height(height);
        }
    }

    /// Makes the canvas the image of `[width, height]` pixels, opacity included.
    pub fn fill(&self, image: &[u8], pixels: [f32; 2]) -> Result<(), String> {
        let [width, height] = pixels.map(|side| side as u32);
        self.resize(width, height);
        let image = ImageData::new_with_u8_clamped_array_and_sh(Clamped(image), width, height)
            .map_err(said)?;
        self.context.put_image_data(&image, 0.0, 0.0).map_err(said)
    }

    /// Sets the colour of what is drawn next.
    fn ink(&self, [red, green, blue, alpha]: Rgba, opacity: f32) {
        let [red, green, blue] = [red, green, blue].map(|share| 255.0 * share);
        let style = format!(
            "rgba({red:.0}, {green:.0}, {blue:.0}, {:.3})",
            alpha * opacity
        );
        self.context.set_fill_style_str(&style);
        self.context.set_stroke_style_str(&style);
    }

    fn dot(&self, [x, y]: [f32; 2], radius: f32) {
        let [x, y, radius] = [x, y, radius].map(f64::from);
        self.context
            .fill_rect(x - radius, y - radius, 2.0 * radius, 2.0 * radius);
    }

    fn lines(&self, width: f32, strokes: impl Iterator<Item = [[f32; 2]; 2]>) {
        self.context.set_line_width(f64::from(width));
        self.context.begin_path();
        for [from, to] in strokes {
            self.context.move_to(f64::from(from[0]), f64::from(from[1]));
            self.context.line_to(f64::from(to[0]), f64::from(to[1]));
        }
        self.context.stroke();
    }
}

/// A tensor's values, row-major; at once when the tensor is in memory.
pub(super) async fn read<const D: usize>(tensor: &Tensor<D>) -> Result<Vec<f32>, String> {
    let data = tensor
        .clone()
        .into_data_async()
        .await
        .map_err(|error| format!("{error:?}"))?;
    data.try_into_vec::<f32>()
        .map_err(|error| format!("{error:?}"))
}

async fn ranges(scene: &Scene) -> Result<Vec<Range>, String> {
    let values = read(&scene.range).await?;
    Ok(values
        .as_chunks::<4>()
        .0
        .iter()
        .copied()
        .map(Range::new)
        .collect())
}

fn pairs(values: &[f32]) -> impl Iterator<Item = [f32; 2]> {
    values.as_chunks::<2>().0.iter().copied()
}

pub(super) fn said(error: JsValue) -> String {
    format!("{error:?}")
}
