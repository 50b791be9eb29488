//! Image sets on disk: the official binary files of CIFAR-10, or the same batches and other sets as PNG
//! sheets, 40 images wide and row by row.
//!
//! Invariant: a set that cannot be read whole is an error that names the file.

use super::export::{grid, png};
use super::images::{Images, NUMBERS, SIDE};
use image::RgbImage;
use std::fmt;
use std::path::{Path, PathBuf};

/// Images in a row of a sheet, and in a whole sheet.
const ACROSS: usize = 40;
const SHEET: usize = 1000;

/// Why a set could not be read.
#[derive(Debug)]
pub enum FileError {
    /// Neither form of the set is there.
    Missing {
        set: String,
        folder: PathBuf,
    },
    Unreadable {
        file: PathBuf,
        reason: String,
    },
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { set, folder } => write!(
                f,
                "there is no {set} in {}: neither {set}.bin (CIFAR-10, binary version) nor {set}_0.png (a sheet \
                 {ACROSS} images wide)",
                folder.display()
            ),
            Self::Unreadable { file, reason } => {
                write!(f, "cannot read {}: {reason}", file.display())
            }
        }
    }
}

impl std::error::Error for FileError {}

/// The training images of CIFAR-10 in `folder`, in the official order.
///
/// # Errors
/// If a batch is missing or broken.
pub fn cifar_train(folder: &Path) -> Result<Images, FileError> {
    let folder = &batches(folder);
    let mut all = Images::default();
    for batch in 1..=5 {
        let part = set(folder, &format!("data_batch_{batch}"))?;
        all.pixels.extend(part.pixels);
    }
    Ok(all)
}

/// The test images of CIFAR-10 in `folder`.
///
/// # Errors
/// If the batch is missing or broken.
pub fn cifar_test(folder: &Path) -> Result<Images, FileError> {
    set(&batches(folder), "test_batch")
}

/// Where the batches are: in the folder, or in its `cifar10`.
fn batches(folder: &Path) -> PathBuf {
    let inner = folder.join("cifar10");
    match inner.is_dir() {
        true => inner,
        false => folder.into(),
    }
}

/// The labels of a batch, in its order: the first bytes of the official file's records, or `NAME.labels`.
///
/// # Errors
/// If there are none.
pub fn labels(folder: &Path, name: &str) -> Result<Vec<u8>, FileError> {
    let binary = folder.join(format!("{name}.bin"));
    let (file, step) = match binary.exists() {
        true => (binary, NUMBERS + 1),
        false => (folder.join(format!("{name}.labels")), 1),
    };
    let bytes = std::fs::read(&file).map_err(|e| FileError::Unreadable {
        file,
        reason: e.to_string(),
    })?;
    Ok(bytes.into_iter().step_by(step).collect())
}

/// The images of a set: `NAME.bin` in the official layout, or `NAME_0.png`, `NAME_1.png` and so on.
///
/// # Errors
/// If it is missing or broken.
pub fn set(folder: &Path, name: &str) -> Result<Images, FileError> {
    let binary = folder.join(format!("{name}.bin"));
    if binary.exists() {
        return read_binary(&binary);
    }
    let mut images = Images::default();
    for number in 0.. {
        let sheet = folder.join(format!("{name}_{number}.png"));
        if !sheet.exists() {
            break;
        }
        read_sheet(&sheet, &mut images)?;
    }
    match images.is_empty() {
        true => Err(FileError::Missing {
            set: name.into(),
            folder: folder.into(),
        }),
        false => Ok(images),
    }
}

/// A label byte and an image's bytes, again and again.
fn read_binary(file: &Path) -> Result<Images, FileError> {
    let unreadable = |reason: String| FileError::Unreadable {
        file: file.into(),
        reason,
    };
    let bytes = std::fs::read(file).map_err(|e| unreadable(e.to_string()))?;
    if bytes.is_empty() || !bytes.len().is_multiple_of(NUMBERS + 1) {
        return Err(unreadable(format!(
            "{} bytes are no whole number of labelled images",
            bytes.len()
        )));
    }
    let images = bytes.chunks_exact(NUMBERS + 1);
    Ok(Images {
        pixels: images.flat_map(|image| &image[1..]).copied().collect(),
    })
}

/// The images of a sheet; those of its last row may stop short of the edge, where the sheet is black.
fn read_sheet(file: &Path, images: &mut Images) -> Result<(), FileError> {
    let sheet = image::open(file).map_err(|e| FileError::Unreadable {
        file: file.into(),
        reason: e.to_string(),
    })?;
    let sheet = sheet.into_rgb8();
    let (width, height) = (sheet.width() as usize, sheet.height() as usize);
    if width != ACROSS * SIDE || !height.is_multiple_of(SIDE) || height == 0 {
        return Err(FileError::Unreadable {
            file: file.into(),
            reason: format!("{width} by {height} pixels are no sheet"),
        });
    }
    let count = (ACROSS * height / SIDE).min(SHEET);
    let mut tiles: Vec<Vec<u8>> = (0..count).map(|i| tile(&sheet, i)).collect();
    while tiles.last().is_some_and(|t| t.iter().all(|&b| b == 0)) {
        tiles.pop();
    }
    tiles.iter().for_each(|t| images.push_interleaved(t));
    Ok(())
}

fn tile(sheet: &RgbImage, i: usize) -> Vec<u8> {
    let (x, y) = (i % ACROSS * SIDE, i / ACROSS * SIDE);
    let row = |r: usize| &sheet.as_raw()[3 * ((y + r) * ACROSS * SIDE + x)..][..3 * SIDE];
    (0..SIDE).flat_map(row).copied().collect()
}

/// Writes images as a PNG grid with so many in a row.
///
/// # Errors
/// If the file cannot be written.
pub fn write_grid(file: &Path, images: &Images, across: usize) -> Result<(), FileError> {
    let (width, height, rgb) = grid(images, across);
    std::fs::write(file, png(width, height, &rgb)).map_err(|e| FileError::Unreadable {
        file: file.into(),
        reason: e.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(n: usize) -> Images {
        let pixels = (0..n * NUMBERS).map(|i| (i * 31 % 251) as u8).collect();
        Images { pixels }
    }

    #[test]
    fn binary_files_and_sheets_give_the_same_images() {
        let folder = tempfile::tempdir().unwrap();
        let right = images(83);
        let labelled: Vec<u8> = (0..83)
            .flat_map(|i| [vec![7], right.image(i).to_vec()].concat())
            .collect();
        std::fs::write(folder.path().join("a.bin"), labelled).unwrap();
        write_grid(&folder.path().join("b_0.png"), &right, ACROSS).unwrap();
        assert_eq!(set(folder.path(), "a").unwrap(), right);
        assert_eq!(set(folder.path(), "b").unwrap(), right);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let message = |name: &str| set(path, name).unwrap_err().to_string();
        assert!(message("nothing").contains("nothing.bin"));
        std::fs::write(path.join("short.bin"), [0; 100]).unwrap();
        assert!(message("short").contains("100 bytes"));
        std::fs::write(path.join("broken_0.png"), b"no picture").unwrap();
        assert!(message("broken").contains("broken_0.png"));
        write_grid(&path.join("narrow_0.png"), &images(6), 3).unwrap();
        assert!(message("narrow").contains("96 by 64"));
    }
}
