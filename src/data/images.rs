//! Small images as the networks see them.
//!
//! Invariant: pixels are bytes, channel by channel, row by row; as numbers they lie in [-1, 1], 0 and 255 at
//! its ends.

/// Square images of one size, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Images {
    /// `[number, 3, SIDE, SIDE]`
    pub pixels: Vec<u8>,
}

/// Pixels along a side.
pub const SIDE: usize = 32;

/// Numbers of an image.
pub const NUMBERS: usize = 3 * SIDE * SIDE;

impl Images {
    pub fn len(&self) -> usize {
        self.pixels.len() / NUMBERS
    }

    pub fn is_empty(&self) -> bool {
        self.pixels.is_empty()
    }

    /// The bytes of an image.
    pub fn image(&self, i: usize) -> &[u8] {
        &self.pixels[i * NUMBERS..][..NUMBERS]
    }

    /// The images from `first` on, `count` at most.
    pub fn part(&self, first: usize, count: usize) -> Self {
        let first = first.min(self.len());
        let end = (first + count).min(self.len());
        Self {
            pixels: self.pixels[first * NUMBERS..end * NUMBERS].to_vec(),
        }
    }

    /// Numbers in [-1, 1] of all images, `[number, 3 * SIDE * SIDE]`.
    pub fn numbers(&self) -> Vec<f32> {
        self.pixels.iter().map(|&byte| number(byte)).collect()
    }

    /// Images of numbers, which are brought into [-1, 1].
    pub fn from_numbers(numbers: &[f32]) -> Self {
        let byte = |x: &f32| ((x.clamp(-1.0, 1.0) + 1.0) * 127.5).round() as u8;
        Self {
            pixels: numbers.iter().map(byte).collect(),
        }
    }

    /// Adds an image given as `[SIDE, SIDE, 3]` bytes.
    pub fn push_interleaved(&mut self, rgb: &[u8]) {
        for channel in 0..3 {
            self.pixels
                .extend(rgb[channel..].iter().step_by(3).take(SIDE * SIDE));
        }
    }

    /// The image `i` as `[SIDE, SIDE, 3]` bytes.
    pub fn interleaved(&self, i: usize) -> Vec<u8> {
        let image = self.image(i);
        let pixel = |p: usize| (0..3).map(move |c| image[c * SIDE * SIDE + p]);
        (0..SIDE * SIDE).flat_map(pixel).collect()
    }
}

/// A byte as a number in [-1, 1].
pub fn number(byte: u8) -> f32 {
    f32::from(byte) / 127.5 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_survive_the_way_to_numbers_and_back() {
        let pixels: Vec<u8> = (0..NUMBERS).map(|i| (i * 7 % 256) as u8).collect();
        let mut images = Images { pixels };
        let numbers = images.numbers();
        assert_eq!(Images::from_numbers(&numbers), images);
        assert!(numbers.iter().all(|x| (-1.0..=1.0).contains(x)));
        assert_eq!((number(0), number(255)), (-1.0, 1.0));
        let rgb = images.interleaved(0);
        images.push_interleaved(&rgb);
        assert_eq!(images.len(), 2);
        assert_eq!(images.image(0), images.image(1));
        assert_eq!(rgb[4], images.image(0)[SIDE * SIDE + 1]);
    }
}
