//! Which part of the plane is on show, and how fingers and wheels move it.
//!
//! Invariant: `to_data` and `to_screen` are inverse to each other; zooming and pinching keep the
//! point of the plane under the cursor or the fingers where it is.

/// Screen places are CSS pixels from the upper left corner; y grows downwards there and upwards in
/// data coordinates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lens {
    pub centre: [f32; 2],
    /// Half the shorter side in data units.
    pub half: f32,
}

/// Smallest and largest half-width, and how far the centre may go.
const HALF: (f32, f32) = (0.02, 20.0);
const REACH: f32 = 10.0;

impl Default for Lens {
    fn default() -> Self {
        Self {
            centre: [0.0; 2],
            half: 5.0,
        }
    }
}

impl Lens {
    fn units_per_pixel(self, size: [f32; 2]) -> f32 {
        2.0 * self.half / size[0].min(size[1]).max(1.0)
    }

    /// The place in data coordinates under a place on the screen.
    pub fn to_data(self, at: [f32; 2], size: [f32; 2]) -> [f32; 2] {
        let u = self.units_per_pixel(size);
        [
            self.centre[0] + (at[0] - size[0] / 2.0) * u,
            self.centre[1] - (at[1] - size[1] / 2.0) * u,
        ]
    }

    /// The place on the screen of a place in data coordinates.
    pub fn to_screen(self, at: [f32; 2], size: [f32; 2]) -> [f32; 2] {
        let u = self.units_per_pixel(size);
        [
            size[0] / 2.0 + (at[0] - self.centre[0]) / u,
            size[1] / 2.0 - (at[1] - self.centre[1]) / u,
        ]
    }

    /// Shows `1 / factor` times as much, with the point under `at` staying there.
    pub fn zoomed(self, factor: f32, at: [f32; 2], size: [f32; 2]) -> Self {
        let fixed = self.to_data(at, size);
        let half = (self.half / factor).clamp(HALF.0, HALF.1);
        Self { half, ..self }.holding(fixed, at, size)
    }

    /// Moves the picture by `by` pixels.
    pub fn panned(self, by: [f32; 2], size: [f32; 2]) -> Self {
        let u = self.units_per_pixel(size);
        Self {
            centre: [self.centre[0] - by[0] * u, self.centre[1] + by[1] * u],
            ..self
        }
        .bounded()
    }

    /// Follows two fingers from `from` to `to`.
    pub fn pinched(self, from: [[f32; 2]; 2], to: [[f32; 2]; 2], size: [f32; 2]) -> Self {
        let middle = |p: [[f32; 2]; 2]| [(p[0][0] + p[1][0]) / 2.0, (p[0][1] + p[1][1]) / 2.0];
        let span = |p: [[f32; 2]; 2]| (p[0][0] - p[1][0]).hypot(p[0][1] - p[1][1]).max(1.0);
        let (start, end) = (middle(from), middle(to));
        self.panned([end[0] - start[0], end[1] - start[1]], size)
            .zoomed(span(to) / span(from), end, size)
    }

    fn holding(self, point: [f32; 2], at: [f32; 2], size: [f32; 2]) -> Self {
        let now = self.to_data(at, size);
        let centre = [
            self.centre[0] + point[0] - now[0],
            self.centre[1] + point[1] - now[1],
        ];
        Self { centre, ..self }.bounded()
    }

    fn bounded(self) -> Self {
        Self {
            centre: self.centre.map(|v| v.clamp(-REACH, REACH)),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: [f32; 2] = [600.0, 500.0];

    fn close(a: [f32; 2], b: [f32; 2]) -> bool {
        (a[0] - b[0]).abs() < 1e-3 && (a[1] - b[1]).abs() < 1e-3
    }

    #[test]
    fn corners_of_the_shorter_side_are_at_half() {
        let lens = Lens::default();
        assert!(close(lens.to_data([300.0, 0.0], SIZE), [0.0, 5.0]));
        assert!(close(lens.to_screen([0.0, -5.0], SIZE), [300.0, 500.0]));
    }

    #[test]
    fn zooming_keeps_the_point_under_the_cursor() {
        let at = [120.0, 330.0];
        let lens = Lens {
            centre: [1.0, -0.5],
            half: 3.0,
        };
        let near = lens.zoomed(2.0, at, SIZE);
        assert_eq!(near.half, 1.5);
        assert!(close(near.to_data(at, SIZE), lens.to_data(at, SIZE)));
        assert!(close(near.to_screen(near.to_data(at, SIZE), SIZE), at));
    }

    #[test]
    fn fingers_carry_their_points_along() {
        let lens = Lens::default();
        let from = [[100.0, 100.0], [200.0, 100.0]];
        let to = [[150.0, 120.0], [350.0, 120.0]];
        let moved = lens.pinched(from, to, SIZE);
        for k in 0..2 {
            assert!(close(
                moved.to_data(to[k], SIZE),
                lens.to_data(from[k], SIZE)
            ));
        }
    }

    #[test]
    fn the_lens_stays_in_reach() {
        let lens = Lens::default().panned([1e9, -1e9], SIZE);
        assert_eq!(lens.centre, [-10.0, -10.0]);
        assert_eq!(lens.zoomed(1e9, [0.0, 0.0], SIZE).half, HALF.0);
    }
}
