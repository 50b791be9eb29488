//! Images made by rule: to try scores on without any of one's own, and to check a model's energies on.
//!
//! Invariant: the same bytes on every machine: whole-number arithmetic and counted draws only.

use super::images::{Images, SIDE};
use crate::rng::{Draws, Stream};

/// A kind of image, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    Stripes,
    Checks,
    Disc,
    Gradient,
    Noise,
    Blobs,
    Plain,
    Text,
}

impl Made {
    pub const ALL: [Self; 8] = [
        Self::Stripes,
        Self::Checks,
        Self::Disc,
        Self::Gradient,
        Self::Noise,
        Self::Blobs,
        Self::Plain,
        Self::Text,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Stripes => "stripes",
            Self::Checks => "checks",
            Self::Disc => "disc",
            Self::Gradient => "gradient",
            Self::Noise => "noise",
            Self::Blobs => "blobs",
            Self::Plain => "plain",
            Self::Text => "strokes",
        }
    }

    /// One image of this kind.
    pub fn image(self, seed: u64) -> Images {
        let draws = Draws::new(seed, Stream::Made, self as u64);
        let colour = |i: u32| [0, 1, 2].map(|c| draws.below(3 * i + c, 256) as i32);
        let [a, b] = [colour(0), colour(1)];
        let number = |i: u32, bound: u32| draws.below(6 + i, bound) as i32;
        let side = SIDE as i32;
        let blend = |share: i32, of: i32| {
            let share = share.clamp(0, of);
            std::array::from_fn(|c| a[c] + (b[c] - a[c]) * share / of)
        };
        let pixel = |x: i32, y: i32| -> [i32; 3] {
            match self {
                Self::Stripes => {
                    let (dx, dy) = (1 + number(0, 3), number(1, 4));
                    blend((dx * x + dy * y) / (3 + number(2, 4)) % 2, 1)
                }
                Self::Checks => {
                    let size = 2 + number(0, 6);
                    blend((x / size + y / size) % 2, 1)
                }
                Self::Disc => {
                    let (cx, cy) = (10 + number(0, 12), 10 + number(1, 12));
                    let far = (x - cx) * (x - cx) + (y - cy) * (y - cy);
                    let radius = 5 + number(2, 6);
                    blend(radius * radius + radius - far, 2 * radius)
                }
                Self::Gradient => match number(0, 2) {
                    0 => blend(x, side - 1),
                    _ => blend(x + y, 2 * side - 2),
                },
                Self::Noise => {
                    let first = 100 + 3 * (y * side + x) as u32;
                    [0, 1, 2].map(|c| draws.below(first + c, 256) as i32)
                }
                Self::Blobs => {
                    // Sums of hats: smooth, with no edge.
                    let hat = |i: u32| {
                        let (cx, cy) = (number(10 + 2 * i, 32), number(11 + 2 * i, 32));
                        (120 - (x - cx) * (x - cx) - (y - cy) * (y - cy)).max(0)
                    };
                    blend((0..8).map(hat).sum(), 240)
                }
                Self::Plain => a,
                Self::Text => {
                    // Thin strokes on a plain ground, as of writing.
                    let stroke = |i: u32| {
                        let (cx, cy) = (3 + number(10 + 4 * i, 26), 3 + number(11 + 4 * i, 26));
                        let long = 4 + number(12 + 4 * i, 6);
                        match number(13 + 4 * i, 2) {
                            0 => (x - cx).abs() <= long && y == cy,
                            _ => (y - cy).abs() <= long && x == cx,
                        }
                    };
                    match (0..6).any(stroke) {
                        true => [20; 3],
                        false => [235; 3],
                    }
                }
            }
        };
        let mut image = Images::default();
        let places = (0..side).flat_map(|y| (0..side).map(move |x| (x, y)));
        let rgb: Vec<u8> = places
            .flat_map(|(x, y)| pixel(x, y))
            .map(|value| value.clamp(0, 255) as u8)
            .collect();
        image.push_interleaved(&rgb);
        image
    }
}

/// One image of every kind.
pub fn golden() -> Images {
    let images = Made::ALL.iter().map(|made| made.image(1).pixels);
    Images {
        pixels: images.flatten().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_the_same_everywhere_and_differ_by_kind_and_seed() {
        // FNV-1a of all bytes: a change would make every golden energy wrong.
        let hash = golden()
            .pixels
            .iter()
            .fold(0xcbf2_9ce4_8422_2325u64, |h, &b| {
                (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3)
            });
        assert_eq!(hash, 0x6068_bad7_8c53_1bb7, "{hash:#x}");
        for (i, made) in Made::ALL.iter().enumerate() {
            assert_eq!(made.image(1).len(), 1);
            assert_ne!(made.image(1), made.image(2), "{}", made.name());
            assert_eq!(made.image(1).pixels, golden().image(i));
        }
    }
}
