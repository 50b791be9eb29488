//! The heat map and the strip in plain Rust: the twins of `shaders/heat.wgsl` and
//! `shaders/strip.wgsl`.
//!
//! Invariant: same inputs, same colours as the shaders up to rounding. Images are RGBA, 8 bits a
//! channel, rows from the top; opacity is not multiplied in.

use super::view::View;
use crate::colour::{self, Rgb};

/// One row of [`Scene::range`](crate::engine::scene::Scene::range).
#[derive(Clone, Copy, Debug)]
pub struct Range {
    pub lowest: f32,
    pub log_z: f32,
    /// Log of the truth's highest density, which is brightest: colours of different models compare.
    pub peak: f32,
}

impl Range {
    /// From lowest energy, highest energy, log Z and highest true density.
    pub fn new(row: [f32; 4]) -> Self {
        let [lowest, _, log_z, truth] = row;
        Self {
            lowest,
            log_z,
            peak: truth.max(1e-30).ln(),
        }
    }

    /// Log of exp(-E) / Z over the peak, at most 0.
    fn height(&self, energy: f32) -> f32 {
        (-energy - self.log_z - self.peak).min(0.0)
    }
}

/// The heat map's inputs, as in [`Scene`](crate::engine::scene::Scene): `energy` and `truth` have
/// `grid²` values.
pub struct Heat<'a> {
    pub energy: &'a [f32],
    pub truth: &'a [f32],
    pub range: Range,
}

impl Heat<'_> {
    /// `view.pixels` many colours. The view's picture, contours and places are as for the shader.
    pub fn image(&self, view: &View) -> Vec<u8> {
        let [width, height] = view.pixels.map(|side| side as usize);
        let map = Map::new();
        let at = |x: usize, y: usize| {
            let place = view.plane_of([x as f32 + 0.5, y as f32 + 0.5]);
            [0, 1].map(|axis| (place[axis] - view.scene[axis]) / view.reach)
        };
        let rise = |energy: f32| energy - self.range.lowest;
        let mut image = Vec::with_capacity(4 * width * height);
        let mut above: Vec<f32> = Vec::new();
        for y in 0..height {
            let energies: Vec<f32> = (0..width)
                .map(|x| Tap::new(at(x, y), view.grid as usize).of(self.energy))
                .collect();
            for x in 0..width {
                let nats = rise(energies[x]);
                let mut ground = self.ground(view, &map, energies[x], at(x, y));
                if view.contours == 1 {
                    let across = energies[x] - energies[x.saturating_sub(1)];
                    let along = energies[x] - above.get(x).copied().unwrap_or(energies[x]);
                    let line = colour::contour(nats, across.abs() + along.abs());
                    ground = colour::contoured(ground, line);
                }
                let inside = at(x, y).iter().all(|place| place.abs() <= 1.0);
                let shown = inside && (nats + self.range.log_z).is_finite();
                push(&mut image, if shown { ground } else { colour::BLANK }, 1.0);
            }
            above = energies;
        }
        image
    }

    fn ground(&self, view: &View, map: &Map, energy: f32, place: [f32; 2]) -> Rgb {
        let height = self.range.height(energy);
        match view.picture {
            1 => map.colour(1.0 - (energy - self.range.lowest) / colour::ENERGY_SPAN),
            2 => {
                let truth = Tap::new(place, view.grid as usize).of(self.truth);
                let value = height.exp() - truth * (-self.range.peak).exp();
                colour::diverging(value.signum() * value.abs().powf(colour::GAMMA))
            }
            _ => map.colour((colour::GAMMA * height).exp()),
        }
    }
}

/// The strip: `energy` has `view.levels` rows of `view.grid²` values, `ranges` one entry a row.
pub fn strip(energy: &[f32], ranges: &[Range], view: &View) -> Vec<u8> {
    let [width, height] = view.pixels.map(|side| side as usize);
    let cells = (view.grid * view.grid) as usize;
    let column = view.pixels[0] / view.levels as f32;
    let half = 0.46 * column.min(view.pixels[1]);
    let radius = 0.16 * half;
    let map = Map::new();
    let mut image = Vec::with_capacity(4 * width * height);
    for y in 0..height {
        for x in 0..width {
            let level = (((x as f32 + 0.5) / column) as usize).min(ranges.len() - 1);
            let off = [
                x as f32 + 0.5 - (level as f32 + 0.5) * column,
                0.5 * view.pixels[1] - y as f32 - 0.5,
            ];
            let outside = off.map(|distance| distance.abs() - half + radius);
            let edge = outside[0].max(0.0).hypot(outside[1].max(0.0))
                + outside[0].max(outside[1]).min(0.0)
                - radius;
            let row = &energy[level * cells..(level + 1) * cells];
            let value = Tap::new(off.map(|distance| distance / half), view.grid as usize).of(row);
            let range = &ranges[level];
            let ground = if (value + range.log_z).is_finite() {
                map.colour((colour::GAMMA * range.height(value)).exp())
            } else {
                colour::BLANK
            };
            push(&mut image, ground, (0.5 - edge).clamp(0.0, 1.0));
        }
    }
    image
}

/// The sequential map in 256 steps: the polynomial is too slow for every pixel of every frame.
struct Map([Rgb; 256]);

impl Map {
    fn new() -> Self {
        Self(std::array::from_fn(|step| {
            colour::sequential(step as f32 / 255.0)
        }))
    }

    fn colour(&self, value: f32) -> Rgb {
        self.0[(value.clamp(0.0, 1.0) * 255.0 + 0.5) as usize]
    }
}

/// The four cells around a place and their bilinear weights.
struct Tap {
    cells: [usize; 4],
    weights: [f32; 4],
}

impl Tap {
    /// `place` runs from -1 to 1 over a grid of `side` cells.
    fn new(place: [f32; 2], side: usize) -> Self {
        let last = side - 1;
        let at = place.map(|p| ((p * 0.5 + 0.5) * side as f32 - 0.5).clamp(0.0, last as f32));
        let low = at.map(|p| (p as usize).min(last.saturating_sub(1)));
        let [x, y] = [0, 1].map(|axis| at[axis] - low[axis] as f32);
        let [right, above] = low.map(|p| (p + 1).min(last));
        Self {
            cells: [
                low[1] * side + low[0],
                low[1] * side + right,
                above * side + low[0],
                above * side + right,
            ],
            weights: [(1.0 - x) * (1.0 - y), x * (1.0 - y), (1.0 - x) * y, x * y],
        }
    }

    fn of(&self, values: &[f32]) -> f32 {
        self.cells
            .iter()
            .zip(self.weights)
            .map(|(&cell, weight)| values[cell] * weight)
            .sum()
    }
}

fn push(image: &mut Vec<u8>, colour: Rgb, opacity: f32) {
    let byte = |share: f32| (share * 255.0 + 0.5) as u8;
    image.extend([
        byte(colour[0]),
        byte(colour[1]),
        byte(colour[2]),
        byte(opacity),
    ]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable;

    fn view(grid: u32, pixels: [f32; 2]) -> View {
        View {
            extent: [1.0, 1.0],
            pixels,
            reach: 1.0,
            levels: 1,
            grid,
            ..View::zeroed()
        }
    }

    fn pixel(image: &[u8], width: usize, x: usize, y: usize) -> [u8; 4] {
        image[4 * (y * width + x)..][..4].try_into().unwrap()
    }

    fn bytes(colour: Rgb) -> [u8; 4] {
        let mut image = Vec::new();
        push(&mut image, colour, 1.0);
        image.try_into().unwrap()
    }

    #[test]
    fn a_tap_interpolates_a_plane_exactly_and_clamps_at_the_edge() {
        let side = 8;
        let centre = |i: usize| -1.0 + (i as f32 + 0.5) * 2.0 / side as f32;
        let values: Vec<f32> = (0..side * side)
            .map(|k| 2.0 * centre(k % side) - 3.0 * centre(k / side))
            .collect();
        for place in [[0.0, 0.0], [0.31, -0.77], [-0.85, 0.6], [0.875, -0.875]] {
            let exact = 2.0 * place[0] - 3.0 * place[1];
            assert!(
                (Tap::new(place, side).of(&values) - exact).abs() < 1e-5,
                "{place:?}"
            );
        }
        assert_eq!(Tap::new([-9.0, -9.0], side).of(&values), values[0]);
        assert_eq!(
            Tap::new([9.0, 9.0], side).of(&values),
            values[side * side - 1]
        );
        assert_eq!(Tap::new([0.3, 0.4], 1).of(&[7.0]), 7.0);
    }

    /// Low y is at the bottom, and the likeliest cell has the map's top colour.
    #[test]
    fn the_heat_map_stands_upright() {
        let energy = [0.0, 30.0, 30.0, 30.0];
        let heat = Heat {
            energy: &energy,
            truth: &[0.0; 4],
            range: Range::new([0.0, 30.0, 0.0, 0.5]),
        };
        let image = heat.image(&view(2, [8.0, 8.0]));
        assert_eq!(pixel(&image, 8, 0, 7), bytes(colour::sequential(1.0)));
        for (x, y) in [(0, 0), (7, 0), (7, 7)] {
            assert_eq!(
                pixel(&image, 8, x, y),
                bytes(colour::sequential(0.0)),
                "{x} {y}"
            );
        }
    }

    #[test]
    fn a_model_equal_to_the_truth_has_no_difference_and_a_lack_is_blue() {
        let energy = [1.0; 4];
        let density = (-1.0_f32).exp();
        let range = Range::new([1.0, 1.0, 0.0, density]);
        let equal = Heat {
            energy: &energy,
            truth: &[density; 4],
            range,
        };
        let shown = View {
            picture: 2,
            ..view(2, [2.0, 2.0])
        };
        assert_eq!(pixel(&equal.image(&shown), 2, 0, 0), bytes(colour::EVEN));
        let range = Range::new([1.0, 1.0, 0.0, 2.0 * density]);
        let lack = Heat {
            energy: &energy,
            truth: &[2.0 * density; 4],
            range,
        };
        let [red, _, blue, _] = pixel(&lack.image(&shown), 2, 0, 0);
        assert!(blue > red);
    }

    #[test]
    fn what_is_no_number_or_off_the_grid_is_blank() {
        let heat = Heat {
            energy: &[f32::NAN; 4],
            truth: &[0.0; 4],
            range: Range::new([0.0, 1.0, 0.0, 1.0]),
        };
        assert_eq!(
            pixel(&heat.image(&view(2, [2.0, 2.0])), 2, 1, 1),
            bytes(colour::BLANK)
        );
        let far = View {
            centre: [5.0, 0.0],
            ..view(2, [2.0, 2.0])
        };
        let heat = Heat {
            energy: &[0.0; 4],
            ..heat
        };
        assert_eq!(pixel(&heat.image(&far), 2, 0, 0), bytes(colour::BLANK));
    }

    #[test]
    fn the_strip_has_one_picture_a_level_on_clear_ground() {
        let ranges = [
            Range::new([0.0, 0.0, 0.0, 1.0]),
            Range::new([0.0, 9.0, 0.0, 100.0]),
        ];
        let energy = [0.0; 8];
        let view = View {
            levels: 2,
            ..view(2, [80.0, 40.0])
        };
        let image = strip(&energy, &ranges, &view);
        assert_eq!(pixel(&image, 80, 0, 0)[3], 0);
        assert_eq!(
            pixel(&image, 80, 40, 20)[3],
            0,
            "the gap between two squares"
        );
        assert_eq!(pixel(&image, 80, 20, 20), bytes(colour::sequential(1.0)));
        let second = pixel(&image, 80, 60, 20);
        assert_eq!(second[3], 255);
        assert_ne!(second, pixel(&image, 80, 20, 20));
    }
}
