//! Weights as a safetensors file in half precision, with what they are weights of in its header.
//!
//! Invariant: [`WeightsFile::read`] accepts only whole files whose every number is finite; whether names and
//! shapes fit a network is for the network to say.

use super::ModelSpec;
use half::f16;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::HashMap;
use std::fmt;

/// An array by name, with its shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    pub name: String,
    pub shape: Vec<usize>,
    pub numbers: Vec<f32>,
}

/// The weights of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightsFile {
    pub model: ModelSpec,
    pub arrays: Vec<Array>,
}

/// Why a file holds no weights.
#[derive(Clone, Debug, PartialEq)]
pub enum WeightsError {
    /// Not a safetensors file, or a truncated one.
    Format(String),
    /// The header does not say what the weights are of.
    Header(String),
    /// An array has a type other than f16 and f32.
    Type(String),
    /// An array is missing, or its shape does not fit the network.
    Shape(String),
    /// An array that the network does not have.
    Unknown(String),
    /// An array holds a number that is not finite.
    NotFinite(String),
}

impl fmt::Display for WeightsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format(reason) => write!(f, "this is no readable safetensors file: {reason}"),
            Self::Header(reason) => write!(f, "the file does not say what it holds: {reason}"),
            Self::Type(name) => write!(f, "the array {name:?} is neither f16 nor f32"),
            Self::Shape(name) => {
                write!(
                    f,
                    "the array {name:?} is missing or does not fit the network"
                )
            }
            Self::Unknown(name) => write!(f, "the network has no array {name:?}"),
            Self::NotFinite(name) => {
                write!(f, "the array {name:?} holds numbers that are not finite")
            }
        }
    }
}

impl std::error::Error for WeightsError {}

/// The header's entry with the model, as JSON.
const MODEL: &str = "basin-model";

impl WeightsFile {
    /// The file, in half precision. Numbers beyond its range would not be finite when read.
    pub fn write(&self) -> Vec<u8> {
        let model = serde_json::to_string(&self.model)
            .expect("a model is made of numbers, names and lists");
        let bytes: Vec<Vec<u8>> = self.arrays.iter().map(|a| halves(&a.numbers)).collect();
        let views = self.arrays.iter().zip(&bytes).map(|(array, bytes)| {
            let view = TensorView::new(Dtype::F16, array.shape.clone(), bytes)
                .expect("a shape that fits its numbers");
            (array.name.clone(), view)
        });
        let header = HashMap::from([(MODEL.to_owned(), model)]);
        safetensors::serialize(views, Some(header)).expect("views of the right length serialise")
    }

    /// The weights in a file.
    ///
    /// # Errors
    /// If it is broken, of another kind, or holds numbers that are not finite.
    pub fn read(bytes: &[u8]) -> Result<Self, WeightsError> {
        let format = |e: safetensors::SafeTensorError| WeightsError::Format(e.to_string());
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(format)?;
        let model = header.metadata().as_ref().and_then(|m| m.get(MODEL));
        let model = model.ok_or_else(|| WeightsError::Header(format!("no entry {MODEL:?}")))?;
        let model: ModelSpec =
            serde_json::from_str(model).map_err(|e| WeightsError::Header(e.to_string()))?;
        model.check().map_err(WeightsError::Header)?;
        let tensors = SafeTensors::deserialize(bytes).map_err(format)?;
        let mut arrays = Vec::new();
        for (name, view) in tensors.tensors() {
            let numbers: Vec<f32> = match view.dtype() {
                Dtype::F16 => {
                    let (pairs, _) = view.data().as_chunks::<2>();
                    pairs
                        .iter()
                        .map(|&b| f16::from_le_bytes(b).to_f32())
                        .collect()
                }
                Dtype::F32 => {
                    let (fours, _) = view.data().as_chunks::<4>();
                    fours.iter().map(|&b| f32::from_le_bytes(b)).collect()
                }
                _ => return Err(WeightsError::Type(name)),
            };
            if !numbers.iter().all(|n| n.is_finite()) {
                return Err(WeightsError::NotFinite(name));
            }
            arrays.push(Array {
                shape: view.shape().to_vec(),
                name,
                numbers,
            });
        }
        arrays.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { model, arrays })
    }
}

fn halves(numbers: &[f32]) -> Vec<u8> {
    let halves = numbers.iter().map(|&n| f16::from_f32(n).to_le_bytes());
    halves.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> WeightsFile {
        let array = |name: &str, shape: &[usize]| {
            let n: usize = shape.iter().product();
            Array {
                name: name.into(),
                shape: shape.to_vec(),
                numbers: (0..n).map(|i| i as f32 * 0.25 - 1.0).collect(),
            }
        };
        WeightsFile {
            model: ModelSpec::named("dcd-cifar").unwrap(),
            arrays: vec![array("a", &[2, 3]), array("b", &[1, 5])],
        }
    }

    #[test]
    fn weights_survive_their_file() {
        let right = file();
        assert_eq!(WeightsFile::read(&right.write()).unwrap(), right);
    }

    #[test]
    fn what_is_broken_is_refused() {
        let bytes = file().write();
        for cut in [0, 7, 8, 100, bytes.len() - 1] {
            let error = WeightsFile::read(&bytes[..cut]).unwrap_err();
            assert!(matches!(error, WeightsError::Format(_)), "{error}");
        }
        let mut large = file();
        large.arrays[1].numbers[3] = 1e6;
        let error = WeightsFile::read(&large.write()).unwrap_err();
        assert_eq!(error, WeightsError::NotFinite("b".into()));
        let none: [(String, TensorView); 0] = [];
        let error = WeightsFile::read(&safetensors::serialize(none, None).unwrap()).unwrap_err();
        assert!(matches!(error, WeightsError::Header(_)), "{error}");
    }
}
