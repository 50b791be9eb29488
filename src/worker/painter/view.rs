//! Where the plane lies on a canvas: the twin of `View` in `shaders/view.wgsl`.
//!
//! Invariant: the layout is the shader's, 18 words without gaps; a canvas shows the camera's
//! square whole, centred, and more of the plane along its longer side.

use crate::engine::scene::{Picture, Scene};
use crate::protocol::Camera;
use bytemuck::{Pod, Zeroable};

/// What a picture needs to know beside its tensors. Meanings and units are in the shader.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct View {
    pub centre: [f32; 2],
    pub extent: [f32; 2],
    pub pixels: [f32; 2],
    pub scene: [f32; 2],
    pub reach: f32,
    /// Pixels per unit of mark size: marks keep their share of the picture, whatever its pixels.
    pub mark: f32,
    pub level: u32,
    pub levels: u32,
    pub grid: u32,
    pub arrows: u32,
    pub tail: u32,
    pub picture: u32,
    pub contours: u32,
    pub by_level: u32,
}

impl View {
    /// The large picture of `scene` through `camera`, whose sides are at least one pixel.
    pub fn large(scene: &Scene, camera: &Camera) -> Self {
        let pixels = [camera.width as f32, camera.height as f32];
        let shorter = pixels[0].min(pixels[1]);
        Self {
            centre: camera.centre,
            extent: pixels.map(|side| camera.half * side / shorter),
            pixels,
            scene: scene.centre,
            reach: scene.half,
            mark: (shorter / 600.0).max(0.75),
            level: scene.level as u32,
            levels: scene.levels as u32,
            grid: scene.grid as u32,
            arrows: scene.arrows as u32,
            tail: scene
                .trails
                .as_ref()
                .map_or(0, |trails| trails.dims()[0] as u32),
            picture: match scene.picture {
                Picture::Density => 0,
                Picture::Energy => 1,
                Picture::Difference => 2,
            },
            contours: u32::from(scene.contours),
            by_level: u32::from(scene.trail_levels.is_some()),
        }
    }

    /// The strip of all noise levels on a canvas of `width` by `height` pixels.
    pub fn strip(scene: &Scene, width: u32, height: u32) -> Self {
        Self {
            pixels: [width as f32, height as f32],
            levels: scene.levels as u32,
            grid: scene.strip_grid as u32,
            ..Self::zeroed()
        }
    }

    /// The place under a pixel; (0, 0) is the canvas' top left corner.
    pub fn plane_of(&self, pixel: [f32; 2]) -> [f32; 2] {
        let clip = [0, 1].map(|axis| pixel[axis] / self.pixels[axis] * 2.0 - 1.0);
        [
            self.centre[0] + clip[0] * self.extent[0],
            self.centre[1] - clip[1] * self.extent[1],
        ]
    }

    /// The pixel over a place, the inverse of [`View::plane_of`].
    pub fn pixel_of(&self, place: [f32; 2]) -> [f32; 2] {
        let clip = [0, 1].map(|axis| (place[axis] - self.centre[axis]) / self.extent[axis]);
        [
            (clip[0] * 0.5 + 0.5) * self.pixels[0],
            (0.5 - clip[1] * 0.5) * self.pixels[1],
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> View {
        View {
            centre: [1.0, -2.0],
            extent: [4.0, 2.0],
            pixels: [400.0, 200.0],
            ..View::zeroed()
        }
    }

    #[test]
    fn the_top_left_pixel_shows_low_x_and_high_y() {
        assert_eq!(view().plane_of([0.0, 0.0]), [-3.0, 0.0]);
        assert_eq!(view().plane_of([400.0, 200.0]), [5.0, -4.0]);
        assert_eq!(view().pixel_of([1.0, -2.0]), [200.0, 100.0]);
    }

    #[test]
    fn pixels_and_places_are_inverse() {
        for place in [[0.3, -1.7], [-3.0, 0.0], [7.5, 2.25]] {
            let back = view().plane_of(view().pixel_of(place));
            assert!(
                (0..2).all(|axis| (back[axis] - place[axis]).abs() < 1e-5),
                "{back:?}"
            );
        }
    }

    #[test]
    fn the_layout_is_the_shaders() {
        assert_eq!(size_of::<View>(), 18 * 4);
        let shader = include_str!("../../../shaders/view.wgsl");
        let (_, rest) = shader.split_once("struct View {").unwrap();
        let (fields, _) = rest.split_once('}').unwrap();
        let names: Vec<&str> = fields
            .lines()
            .filter_map(|line| line.trim().split_once(':'))
            .map(|f| f.0)
            .collect();
        let ours = [
            "centre", "extent", "pixels", "scene", "reach", "mark", "level", "levels", "grid",
            "arrows", "tail", "picture", "contours", "by_level",
        ];
        assert_eq!(names, ours);
        let words = bytemuck::cast::<View, [u32; 18]>(View {
            by_level: 7,
            grid: 5,
            ..view()
        });
        assert_eq!((words[12], words[17]), (5, 7));
    }
}
