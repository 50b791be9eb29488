//! Brings photographs to the size that the networks see, some rows at a time.
//!
//! Invariant: every pixel of the part that is kept counts by the filter's weight and the weights of each
//! small pixel sum to one, so a plain image stays as it is. Bytes are averaged as they are stored (sRGB),
//! as in CIFAR-10, and never more than the rows given at a time are in memory.

use super::images::{Images, SIDE};
use crate::settings::{ImageKey, ImageSettings};

/// How large pixels become small ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Filter {
    /// The mean over the area that a small pixel covers.
    #[default]
    Area,
    /// Lanczos with three lobes: sharper, with halos at edges.
    Lanczos,
}

/// How an image that is no square becomes one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fit {
    /// Its middle.
    #[default]
    Crop,
    /// All of it, stretched.
    Squash,
}

/// How an image of any size becomes a small one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resample {
    pub filter: Filter,
    pub fit: Fit,
    /// What shows through where the image is transparent: red, green and blue.
    pub background: [u8; 3],
}

impl Resample {
    pub fn from_settings(settings: &ImageSettings) -> Self {
        Self {
            filter: match settings.choice(ImageKey::Filter) {
                "lanczos" => Filter::Lanczos,
                _ => Filter::Area,
            },
            fit: match settings.choice(ImageKey::Fit) {
                "squash" => Fit::Squash,
                _ => Fit::Crop,
            },
            background: match settings.choice(ImageKey::Background) {
                "black" => [0; 3],
                "grey" => [128; 3],
                _ => [255; 3],
            },
        }
    }
}

const LOBES: f64 = 3.0;

/// The large pixels that a small one is made of: the first of them, and their weights.
struct Taps {
    first: usize,
    weights: Vec<f32>,
}

impl Filter {
    /// The taps of all small pixels along an axis on which `length` large ones from `offset` on are kept.
    fn taps(self, offset: usize, length: usize) -> Vec<Taps> {
        let scale = length as f64 / SIDE as f64;
        let stretch = scale.max(1.0);
        let tap = |i: usize| {
            let (from, to) = (i as f64 * scale, (i + 1) as f64 * scale);
            let centre = (from + to) / 2.0;
            let reach = match self {
                Self::Area => [from, to],
                Self::Lanczos => [centre - LOBES * stretch, centre + LOBES * stretch],
            };
            let first = reach[0].floor().max(0.0) as usize;
            let last = (reach[1].ceil() as usize).clamp(first + 1, length);
            let weight = |j: usize| {
                let at = j as f64;
                match self {
                    Self::Area => (to.min(at + 1.0) - from.max(at)).max(0.0),
                    Self::Lanczos => lanczos((at + 0.5 - centre) / stretch),
                }
            };
            let weights: Vec<f64> = (first..last).map(weight).collect();
            let sum: f64 = weights.iter().sum();
            Taps {
                first: offset + first,
                weights: weights.iter().map(|w| (w / sum) as f32).collect(),
            }
        };
        (0..SIDE).map(tap).collect()
    }
}

fn lanczos(x: f64) -> f64 {
    let sinc = |x: f64| match x {
        0.0 => 1.0,
        x => (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x),
    };
    match x.abs() < LOBES {
        true => sinc(x) * sinc(x / LOBES),
        false => 0.0,
    }
}

/// An image on its way to [`SIDE`] by [`SIDE`] pixels.
pub struct Resampler {
    width: usize,
    background: [u8; 3],
    across: Vec<Taps>,
    down: Vec<Taps>,
    /// `[3, SIDE, SIDE]`
    sums: Vec<f32>,
}

impl Resampler {
    /// For an image of `width` by `height` pixels, both at least 1.
    pub fn new(width: usize, height: usize, how: Resample) -> Self {
        let kept = match how.fit {
            Fit::Crop => [width.min(height); 2],
            Fit::Squash => [width, height],
        };
        Self {
            width,
            background: how.background,
            across: how.filter.taps((width - kept[0]) / 2, kept[0]),
            down: how.filter.taps((height - kept[1]) / 2, kept[1]),
            sums: vec![0.0; 3 * SIDE * SIDE],
        }
    }

    /// Takes whole rows of RGBA bytes from row `first` on; every row is to come once.
    pub fn take(&mut self, first: usize, rgba: &[u8]) {
        let rows = rgba.chunks_exact(4 * self.width);
        for (y, row) in (first..).zip(rows) {
            let parts: Vec<(usize, f32)> = (0..SIDE)
                .filter_map(|i| {
                    let tap = &self.down[i];
                    let weight = *tap.weights.get(y.checked_sub(tap.first)?)?;
                    Some((i, weight))
                })
                .collect();
            if parts.is_empty() {
                continue;
            }
            for (x, tap) in self.across.iter().enumerate() {
                let mut sum = [0.0; 3];
                let pixels = row[4 * tap.first..].as_chunks::<4>().0;
                for (pixel, weight) in pixels.iter().zip(&tap.weights) {
                    let opacity = f32::from(pixel[3]) / 255.0;
                    for c in 0..3 {
                        let [over, under] = [pixel[c], self.background[c]].map(f32::from);
                        sum[c] += weight * (under + opacity * (over - under));
                    }
                }
                for &(y, weight) in &parts {
                    for (c, sum) in sum.iter().enumerate() {
                        self.sums[(c * SIDE + y) * SIDE + x] += weight * sum;
                    }
                }
            }
        }
    }

    /// The small image, once all rows have come.
    pub fn finish(self) -> Images {
        let byte = |sum: &f32| sum.round().clamp(0.0, 255.0) as u8;
        Images {
            pixels: self.sums.iter().map(byte).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resampled(width: usize, height: usize, rgba: &[u8], how: Resample) -> Images {
        let mut resampler = Resampler::new(width, height, how);
        // In strips of odd numbers of rows.
        for (i, strip) in rgba.chunks(7 * 4 * width).enumerate() {
            resampler.take(7 * i, strip);
        }
        resampler.finish()
    }

    fn every_way() -> impl Iterator<Item = Resample> {
        let background = [255; 3];
        let both = [Filter::Area, Filter::Lanczos];
        both.into_iter().flat_map(move |filter| {
            [Fit::Crop, Fit::Squash].map(move |fit| Resample {
                filter,
                fit,
                background,
            })
        })
    }

    #[test]
    fn a_plain_image_stays_as_it_is() {
        for how in every_way() {
            for (width, height) in [(1, 1), (5, 90), (32, 32), (33, 31), (640, 427)] {
                let rgba = [10, 120, 250, 255].repeat(width * height);
                let small = resampled(width, height, &rgba, how);
                for (c, value) in [10, 120, 250].into_iter().enumerate() {
                    let plane = &small.image(0)[c * SIDE * SIDE..][..SIDE * SIDE];
                    assert!(
                        plane.iter().all(|&p| p == value),
                        "{how:?} {width} {height}"
                    );
                }
            }
        }
    }

    #[test]
    fn an_image_of_the_right_size_is_itself() {
        let rgba: Vec<u8> = (0..4 * SIDE * SIDE)
            .map(|i| {
                if i % 4 == 3 {
                    255
                } else {
                    (i * 31 % 251) as u8
                }
            })
            .collect();
        for how in every_way() {
            let small = resampled(SIDE, SIDE, &rgba, how);
            let rgb: Vec<u8> = rgba
                .as_chunks::<4>()
                .0
                .iter()
                .flat_map(|p| [p[0], p[1], p[2]])
                .collect();
            assert_eq!(small.interleaved(0), rgb, "{how:?}");
        }
    }

    #[test]
    fn areas_are_averaged() {
        // Columns of black and white in turn at twice the size: grey everywhere.
        let rgba: Vec<u8> = (0..64 * 64)
            .flat_map(|i| if i % 2 == 0 { [0, 0, 0, 255] } else { [255; 4] })
            .collect();
        let small = resampled(64, 64, &rgba, Resample::default());
        assert!(small.image(0).iter().all(|&p| p == 128));
    }

    #[test]
    fn cropping_keeps_the_middle_and_squashing_the_edges() {
        // Red left and right of a blue square.
        let (width, height) = (96, 32);
        let rgba: Vec<u8> = (0..width * height)
            .flat_map(|i| match i % width {
                32..64 => [0, 0, 255, 255],
                _ => [255, 0, 0, 255],
            })
            .collect();
        let crop = resampled(width, height, &rgba, Resample::default());
        assert_eq!(crop.interleaved(0)[..3], [0, 0, 255]);
        let how = Resample {
            fit: Fit::Squash,
            ..Resample::default()
        };
        let squash = resampled(width, height, &rgba, how);
        assert_eq!(squash.interleaved(0)[..3], [255, 0, 0]);
        assert_eq!(squash.interleaved(0)[3 * 16..][..3], [0, 0, 255]);
    }

    #[test]
    fn the_background_shows_through() {
        let rgba = [200, 100, 0, 51].repeat(16);
        let how = Resample {
            background: [0, 50, 255],
            ..Resample::default()
        };
        let small = resampled(4, 4, &rgba, how);
        assert_eq!(small.interleaved(0)[..3], [40, 60, 204]);
    }
}
