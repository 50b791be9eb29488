//! The figure of a study: the density that each method learned, one row a density, one column a method.

use super::job::file;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use basin::colour;
use basin::engine::{Checkpoint, Train2d, block_on};
use burn::tensor::Device;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

/// Pixels of one picture's side (rows of a bitmap are multiples of four bytes), its size in units of
/// the figure, and the distance of two.
const PIXELS: usize = 64;
const SIZE: usize = 96;
const PITCH: usize = 104;
const LEFT: usize = 112;
const TOP: usize = 28;

/// Half the side of the square drawn, in data units.
const HALF: f32 = 5.0;

/// An SVG of the first seed's runs, the truth in the first column.
pub fn draw(
    densities: &[&str],
    methods: &[&str],
    budget: Duration,
    folder: &Path,
) -> Result<String, String> {
    let (columns, rows) = (methods.len() + 1, densities.len());
    let (width, height) = (LEFT + columns * PITCH, TOP + rows * PITCH);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\" text-anchor=\"middle\" fill=\"#888\">\n\
         <title>Densities learned by each method</title>\n"
    );
    let mut put =
        |text: std::fmt::Arguments| svg.write_fmt(text).map_err(|e| format!("cannot draw: {e}"));
    for (column, name) in std::iter::once(&"truth").chain(methods).enumerate() {
        let x = LEFT + column * PITCH + SIZE / 2;
        put(format_args!("<text x=\"{x}\" y=\"18\">{name}</text>\n"))?;
    }
    for (row, density) in densities.iter().enumerate() {
        let y = TOP + row * PITCH;
        let (x, middle) = (LEFT - 8, y + SIZE / 2);
        put(format_args!(
            "<text x=\"{x}\" y=\"{middle}\" text-anchor=\"end\">{density}</text>\n"
        ))?;
        let mut peak = None;
        for (column, method) in methods.iter().enumerate() {
            let Ok(bytes) = std::fs::read(file(folder, density, method, 1, budget)) else {
                continue;
            };
            let found = Checkpoint::from_bytes(&bytes).map_err(|e| e.to_string())?;
            let run = Train2d::resume(found, Device::flex()).map_err(|e| e.to_string())?;
            let mut image = |column: usize, log_density: Vec<f32>, peak: f32| {
                let x = LEFT + column * PITCH;
                let data = BASE64_STANDARD.encode(bitmap(&log_density, peak));
                put(format_args!(
                    "<image x=\"{x}\" y=\"{y}\" width=\"{SIZE}\" height=\"{SIZE}\" \
                     href=\"data:image/bmp;base64,{data}\"/>\n"
                ))
            };
            let peak = match peak {
                Some(peak) => peak,
                None => {
                    let truth = run
                        .density()
                        .log_density_grid([0.0, 0.0], HALF, PIXELS, 1.0, 0.0);
                    let top = truth.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                    image(0, truth, top)?;
                    *peak.insert(top)
                }
            };
            let learned = block_on(run.log_density_on(HALF, PIXELS)).map_err(|e| e.to_string())?;
            image(column + 1, learned, peak)?;
        }
    }
    put(format_args!("</svg>\n"))?;
    Ok(svg)
}

/// A picture of a log density, brightest at the truth's peak, as a bitmap with a palette: rows from the
/// lowest y up, as bitmaps have them.
fn bitmap(log_density: &[f32], peak: f32) -> Vec<u8> {
    const COLOURS: usize = 256;
    const HEADER: usize = 14 + 40 + 4 * COLOURS;
    let size = (HEADER + log_density.len()) as u32;
    let side = (PIXELS as u32).to_le_bytes();
    let mut bytes = b"BM".to_vec();
    // File size, reserved, offset of the pixels; then header size, width and height.
    for word in [size, 0, HEADER as u32, 40] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend([side, side].as_flattened());
    // One plane, 8 bits a pixel; no compression, default sizes and resolutions.
    bytes.extend([1, 0, 8, 0]);
    bytes.extend([0; 24]);
    for index in 0..COLOURS {
        let [r, g, b] = colour::sequential(index as f32 / (COLOURS - 1) as f32)
            .map(|c| (c.clamp(0.0, 1.0) * 255.0).round() as u8);
        bytes.extend([b, g, r, 0]);
    }
    bytes.extend(log_density.iter().map(|log| {
        let share = (log - peak).exp().clamp(0.0, 1.0).powf(colour::GAMMA);
        (share * (COLOURS - 1) as f32).round() as u8
    }));
    bytes
}
