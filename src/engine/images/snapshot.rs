//! A training of images as a folder of files, none larger than 15 MB: a JSON file with the spec and the
//! counters, and safetensors files with the arrays, long ones in pieces.
//!
//! Invariant: a folder is whole or it is not there: it is written beside its place and moved. What is read
//! is checked against the JSON file before anything is used.

use super::TrainSpec;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Everything a run depends on.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    pub spec: TrainSpec,
    pub iteration: u64,
    pub seconds: f64,
    pub rollbacks: u32,
    /// Arrays by name.
    pub arrays: Vec<(String, Vec<f32>)>,
}

/// Why files are no snapshot.
#[derive(Clone, Debug, PartialEq)]
pub enum SnapshotError {
    /// The JSON file is missing or unreadable.
    Header(String),
    /// A file of arrays is missing or unreadable.
    Part(String),
    /// An array is missing, or has another length than the spec asks for.
    Shape(String),
    /// An array holds a number that is not finite.
    NotFinite(String),
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(reason) => write!(f, "{HEADER} is no header of a training: {reason}"),
            Self::Part(reason) => write!(f, "the training's arrays are not whole: {reason}"),
            Self::Shape(name) => write!(f, "the array {name:?} is missing or does not fit"),
            Self::NotFinite(name) => {
                write!(f, "the array {name:?} holds numbers that are not finite")
            }
        }
    }
}

impl std::error::Error for SnapshotError {}

/// Name of the JSON file.
pub const HEADER: &str = "run.json";

/// Most numbers of one file, 14 MB.
const PART: usize = 3_500_000;

#[derive(Serialize, Deserialize)]
struct Header {
    spec: TrainSpec,
    iteration: u64,
    seconds: f64,
    rollbacks: u32,
    /// Name and length of each array.
    arrays: Vec<(String, usize)>,
    /// Names of the files that hold them.
    parts: Vec<String>,
}

impl Snapshot {
    /// An array of a known length.
    ///
    /// # Errors
    /// If it is missing or of another length.
    pub fn array(&self, name: &str, entries: usize) -> Result<&[f32], SnapshotError> {
        let found = self.arrays.iter().find(|(n, _)| n == name);
        match found {
            Some((_, numbers)) if numbers.len() == entries => Ok(numbers),
            _ => Err(SnapshotError::Shape(name.into())),
        }
    }

    /// Whether every number is finite, as only a healthy run's are.
    pub fn healthy(&self) -> bool {
        let arrays = self.arrays.iter();
        arrays.flat_map(|(_, a)| a).all(|number| number.is_finite())
    }

    /// The files, by name.
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        // Pieces in their order, as many in a file as fit.
        let mut parts: Vec<Vec<(String, &[f32])>> = vec![Vec::new()];
        let mut room = PART;
        for (name, numbers) in &self.arrays {
            let mut at = 0;
            while at < numbers.len() {
                let count = room.min(numbers.len() - at);
                let piece = (format!("{name}@{at}"), &numbers[at..at + count]);
                parts
                    .last_mut()
                    .into_iter()
                    .for_each(|part| part.push(piece.clone()));
                at += count;
                room -= count;
                if room == 0 {
                    parts.push(Vec::new());
                    room = PART;
                }
            }
        }
        parts.retain(|part| !part.is_empty());
        let names = (0..parts.len()).map(|i| format!("part-{i:02}.safetensors"));
        let names: Vec<String> = names.collect();
        let header = Header {
            spec: self.spec.clone(),
            iteration: self.iteration,
            seconds: self.seconds,
            rollbacks: self.rollbacks,
            arrays: self
                .arrays
                .iter()
                .map(|(n, a)| (n.clone(), a.len()))
                .collect(),
            parts: names.clone(),
        };
        let header = serde_json::to_vec_pretty(&header)
            .expect("a header is made of numbers, names and lists");
        let parts = parts.iter().map(|pieces| serialize(pieces));
        let files = names.into_iter().zip(parts);
        std::iter::once((HEADER.to_owned(), header))
            .chain(files)
            .collect()
    }

    /// The snapshot in some files, which `file` gives by name.
    ///
    /// # Errors
    /// If a file is missing or broken, or an array in it does not fit the header or is not finite.
    pub fn from_files(
        file: impl Fn(&str) -> Result<Vec<u8>, String>,
    ) -> Result<Self, SnapshotError> {
        let header = file(HEADER).map_err(SnapshotError::Header)?;
        let header: Header =
            serde_json::from_slice(&header).map_err(|e| SnapshotError::Header(e.to_string()))?;
        header.spec.model.check().map_err(SnapshotError::Header)?;
        let mut pieces: BTreeMap<String, Vec<f32>> = BTreeMap::new();
        for part in &header.parts {
            let bytes = file(part).map_err(SnapshotError::Part)?;
            let tensors = SafeTensors::deserialize(&bytes)
                .map_err(|e| SnapshotError::Part(format!("{part}: {e}")))?;
            for (name, view) in tensors.tensors() {
                if view.dtype() != Dtype::F32 {
                    return Err(SnapshotError::Shape(name));
                }
                let (numbers, _) = view.data().as_chunks::<4>();
                let numbers = numbers.iter().map(|&b| f32::from_le_bytes(b)).collect();
                pieces.insert(name, numbers);
            }
        }
        let whole = |(name, entries): (String, usize)| {
            let mut numbers = Vec::with_capacity(entries.min(1 << 28));
            while numbers.len() < entries {
                match pieces.get(&format!("{name}@{}", numbers.len())) {
                    Some(piece) if !piece.is_empty() => numbers.extend(piece),
                    _ => return Err(SnapshotError::Shape(name)),
                }
            }
            if numbers.len() != entries {
                return Err(SnapshotError::Shape(name));
            }
            match numbers.iter().all(|n: &f32| n.is_finite()) {
                true => Ok((name, numbers)),
                false => Err(SnapshotError::NotFinite(name)),
            }
        };
        Ok(Self {
            spec: header.spec,
            iteration: header.iteration,
            seconds: header.seconds,
            rollbacks: header.rollbacks,
            arrays: header
                .arrays
                .into_iter()
                .map(whole)
                .collect::<Result<_, _>>()?,
        })
    }
}

fn serialize(pieces: &[(String, &[f32])]) -> Vec<u8> {
    let bytes: Vec<(String, Vec<u8>)> = pieces
        .iter()
        .map(|(name, numbers)| {
            let bytes = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
            (name.clone(), bytes)
        })
        .collect();
    let views = bytes.iter().map(|(name, bytes)| {
        let view =
            TensorView::new(Dtype::F32, vec![bytes.len() / 4], bytes).expect("four bytes a number");
        (name.clone(), view)
    });
    safetensors::serialize(views, None).expect("views of the right length serialise")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::ModelSpec;

    fn snapshot() -> Snapshot {
        let numbers = |n: usize| (0..n).map(|i| i as f32 * 0.5 - 3.0).collect();
        Snapshot {
            spec: TrainSpec::of(ModelSpec::named("dcd-cifar").unwrap()),
            iteration: 7,
            seconds: 1.25,
            rollbacks: 1,
            arrays: vec![
                ("weights".into(), numbers(PART - 3)),
                ("first".into(), numbers(PART + 10)),
                ("none".into(), Vec::new()),
                ("steps".into(), numbers(5)),
            ],
        }
    }

    fn read(files: &[(String, Vec<u8>)]) -> Result<Snapshot, SnapshotError> {
        Snapshot::from_files(|name| {
            let found = files.iter().find(|(n, _)| n == name);
            found.map(|(_, b)| b.clone()).ok_or(format!("no {name}"))
        })
    }

    #[test]
    fn files_are_small_and_give_the_snapshot_back() {
        let right = snapshot();
        let files = right.files();
        assert_eq!(files.len(), 4);
        assert!(files.iter().all(|(_, bytes)| bytes.len() < 15_000_000));
        assert_eq!(read(&files).unwrap(), right);
    }

    #[test]
    fn broken_files_are_refused() {
        let files = snapshot().files();
        let mut missing = files.clone();
        missing.remove(2);
        assert!(matches!(read(&missing), Err(SnapshotError::Part(_))));
        let mut cut = files.clone();
        cut[1].1.truncate(1000);
        assert!(matches!(read(&cut), Err(SnapshotError::Part(_))));
        let mut other = files.clone();
        other[0].1 = b"{}".to_vec();
        assert!(matches!(read(&other), Err(SnapshotError::Header(_))));
        let mut nan = snapshot();
        nan.arrays[3].1[2] = f32::NAN;
        assert!(!nan.healthy());
        let expected = Err(SnapshotError::NotFinite("steps".into()));
        assert_eq!(read(&nan.files()), expected);
        let mut short = snapshot();
        short.arrays[3].1.pop();
        let mut mixed = short.files();
        mixed[0] = files[0].clone();
        assert_eq!(read(&mixed), Err(SnapshotError::Shape("steps".into())));
    }
}
