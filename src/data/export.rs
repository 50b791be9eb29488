//! Images as files: PNG for people, npy for programs.
//!
//! Invariant: the same images give the same bytes natively and in the browser.

use super::images::{Images, NUMBERS, SIDE};

/// An RGB image of `width` by `height` pixels as a PNG file.
///
/// # Panics
/// If there are not three bytes a pixel.
pub fn png(width: usize, height: usize, rgb: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Balanced);
    encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(rgb))
        .expect("memory takes every byte, and there are three a pixel");
    file
}

/// Size of an image's PNG file in bytes: its complexity (Serrà et al. 2020, arXiv 1909.11480).
pub fn complexity(images: &Images, i: usize) -> f32 {
    png(SIDE, SIDE, &images.interleaved(i)).len() as f32
}

/// Images side by side, `across` in a row, as interleaved RGB bytes with width and height.
pub fn grid(images: &Images, across: usize) -> (usize, usize, Vec<u8>) {
    let down = images.len().div_ceil(across).max(1);
    let (width, height) = (across * SIDE, down * SIDE);
    let mut rgb = vec![0; 3 * width * height];
    for i in 0..images.len() {
        let (x, y) = (i % across * SIDE, i / across * SIDE);
        for (r, row) in images.interleaved(i).chunks_exact(3 * SIDE).enumerate() {
            rgb[3 * ((y + r) * width + x)..][..3 * SIDE].copy_from_slice(row);
        }
    }
    (width, height, rgb)
}

/// Numbers `[n, 3, SIDE, SIDE]` in NumPy's format, version 1.0
/// (<https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>).
pub fn npy(numbers: &[f32]) -> Vec<u8> {
    let n = numbers.len() / NUMBERS;
    let mut header =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({n}, 3, {SIDE}, {SIDE}), }}");
    // The numbers begin at a multiple of 64 bytes, after a line's end.
    const BEFORE: usize = 10;
    while !(BEFORE + header.len() + 1).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.bytes());
    file.extend(numbers.iter().flat_map(|n| n.to_le_bytes()));
    file
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::made::Made;

    #[test]
    fn a_png_decodes_to_the_same_pixels() {
        let image = Made::Disc.image(3);
        let rgb = image.interleaved(0);
        let decoded = image::load_from_memory(&png(SIDE, SIDE, &rgb)).unwrap();
        assert_eq!(decoded.into_rgb8().into_raw(), rgb);
    }

    #[test]
    fn noise_is_more_complex_than_a_plain_image() {
        let of = |made: Made| complexity(&made.image(1), 0);
        assert!(of(Made::Plain) < 200.0);
        assert!(of(Made::Noise) > 3072.0);
    }

    #[test]
    fn a_grid_has_its_images_in_their_places() {
        let mut images = Made::Plain.image(1);
        images.pixels.extend(Made::Noise.image(1).pixels);
        images.pixels.extend(Made::Disc.image(1).pixels);
        let (width, height, rgb) = grid(&images, 2);
        assert_eq!((width, height), (64, 64));
        let at = |x: usize, y: usize| &rgb[3 * (y * width + x)..][..3];
        assert_eq!(at(5, 3), &images.interleaved(0)[3 * (3 * SIDE + 5)..][..3]);
        assert_eq!(
            at(SIDE + 5, 3),
            &images.interleaved(1)[3 * (3 * SIDE + 5)..][..3]
        );
        assert_eq!(
            at(5, SIDE + 3),
            &images.interleaved(2)[3 * (3 * SIDE + 5)..][..3]
        );
        assert_eq!(at(SIDE + 5, SIDE + 3), [0; 3]);
    }

    #[test]
    fn npy_has_a_header_of_whole_lines_and_every_number() {
        let numbers = vec![0.25; 2 * NUMBERS];
        let file = npy(&numbers);
        let body = file.len() - 4 * numbers.len();
        assert_eq!(body % 64, 0);
        let header = String::from_utf8_lossy(&file[10..body]);
        assert!(header.contains("'shape': (2, 3, 32, 32)") && header.ends_with('\n'));
        assert_eq!(file[body..body + 4], 0.25f32.to_le_bytes());
    }
}
