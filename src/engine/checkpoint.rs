//! A run as a safetensors file, with its settings as JSON in the header.
//!
//! Invariant: [`Checkpoint::from_bytes`] accepts only files whose every array has the shape that the
//! settings inside ask for and holds finite numbers; anything else is an error and changes nothing.

use crate::diffusion::Schedule;
use crate::energy::Architecture;
use crate::objective::{self, buffer_size};
use crate::settings::{Key, Settings};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::HashMap;
use std::fmt;

/// Everything a run depends on.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    pub settings: Settings,
    pub iteration: u64,
    pub seconds: f64,
    /// The flat parameter buffer.
    pub weights: Vec<f32>,
    /// Adam's moments.
    pub first: Vec<f32>,
    pub second: Vec<f32>,
    pub adam_steps: u64,
    /// `[levels, 2]` acceptance sums since the last adaptation.
    pub window: Vec<f32>,
    /// `[buffer, 2]` places and `[buffer, levels]` levels of the persistent chains; empty without.
    pub chains: Vec<f32>,
    pub members: Vec<f32>,
    /// `[levels]` proposal deviations.
    pub steps: Vec<f32>,
    /// Running average of the weights; empty without.
    pub average: Vec<f32>,
    /// The objective's own arrays.
    pub others: Vec<Vec<f32>>,
}

/// Why a file is no checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub enum CheckpointError {
    /// Not a safetensors file, or a truncated one.
    Format(String),
    /// A header entry is missing or unreadable.
    Header(&'static str),
    /// An array is missing or has another type or shape than the settings ask for.
    Shape(String),
    /// An array holds a number that is not finite.
    NotFinite(String),
}

impl fmt::Display for CheckpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format(message) => write!(f, "this is no readable safetensors file: {message}"),
            Self::Header(entry) => write!(
                f,
                "the file's header has no readable {entry:?}: Basin did not write it"
            ),
            Self::Shape(name) => write!(
                f,
                "the array {name:?} is missing or does not fit the settings in the file"
            ),
            Self::NotFinite(name) => {
                write!(f, "the array {name:?} holds numbers that are not finite")
            }
        }
    }
}

impl std::error::Error for CheckpointError {}

const WEIGHTS: &str = "weights/";

/// Beyond this no run has gone, and sums and products of iterations stay exact.
const LONGEST: u64 = 1_000_000_000_000;

impl Checkpoint {
    /// Name, shape and values of each array of the file.
    fn arrays(&self) -> Vec<(String, Vec<usize>, &[f32])> {
        let layout = Architecture::from_settings(&self.settings).layout();
        let levels = Schedule::from_settings(&self.settings).levels();
        let mut arrays: Vec<(String, Vec<usize>, &[f32])> = layout
            .blocks
            .iter()
            .map(|b| {
                let values = self.weights.get(b.range()).unwrap_or_default();
                (format!("{WEIGHTS}{}", b.name), b.shape.to_vec(), values)
            })
            .collect();
        let parameters = layout.parameters();
        arrays.push(("adam/first".into(), vec![parameters], &self.first));
        arrays.push(("adam/second".into(), vec![parameters], &self.second));
        arrays.push(("sampler/window".into(), vec![levels, 2], &self.window));
        arrays.push(("sampler/steps".into(), vec![levels], &self.steps));
        let buffer = buffer_size(&self.settings);
        if buffer > 0 {
            arrays.push(("chains/x".into(), vec![buffer, 2], &self.chains));
            arrays.push(("chains/level".into(), vec![buffer, levels], &self.members));
        }
        if has_average(&self.settings) {
            arrays.push(("average".into(), vec![parameters], &self.average));
        }
        for (i, (name, entries)) in objective::arrays(&self.settings).into_iter().enumerate() {
            let values = self.others.get(i).map_or(&[][..], Vec::as_slice);
            arrays.push((name, vec![entries], values));
        }
        arrays
    }

    /// Checks every array against the settings.
    ///
    /// # Errors
    /// The first array that does not fit or is not finite.
    pub fn validate(&self) -> Result<(), CheckpointError> {
        for (name, shape, values) in self.arrays() {
            if values.len() != shape.iter().product::<usize>() {
                return Err(CheckpointError::Shape(name));
            }
            if !values.iter().all(|v| v.is_finite()) {
                return Err(CheckpointError::NotFinite(name));
            }
        }
        let levels = Schedule::from_settings(&self.settings).levels();
        let one_level = |row: &[f32]| {
            row.iter().all(|&m| m == 0.0 || m == 1.0) && row.iter().sum::<f32>() == 1.0
        };
        if !self.members.chunks(levels).all(one_level) {
            return Err(CheckpointError::Shape("chains/level".into()));
        }
        Ok(())
    }

    /// Whether every number is finite, as only a healthy run's are.
    pub fn healthy(&self) -> bool {
        self.validate().is_ok()
    }

    /// The file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let arrays = self.arrays();
        let little_endian: Vec<Vec<u8>> = arrays
            .iter()
            .map(|(_, _, values)| values.iter().flat_map(|v| v.to_le_bytes()).collect())
            .collect();
        let views = arrays
            .iter()
            .zip(&little_endian)
            .map(|((name, shape, _), bytes)| {
                let view = TensorView::new(Dtype::F32, shape.clone(), bytes)
                    .expect("arrays of a valid checkpoint have as many bytes as their shape says");
                (name.clone(), view)
            });
        let header = HashMap::from([
            ("format".to_owned(), "basin-train2d-1".to_owned()),
            ("settings".to_owned(), self.settings.to_json().to_string()),
            ("iteration".to_owned(), self.iteration.to_string()),
            ("seconds".to_owned(), self.seconds.to_string()),
            ("adam_steps".to_owned(), self.adam_steps.to_string()),
        ]);
        safetensors::serialize(views, Some(header))
            .expect("serialising to memory fails only for shapes that `TensorView::new` refused")
    }

    /// Reads a file.
    ///
    /// # Errors
    /// If the file is not one of ours, does not fit its own settings, or holds numbers that are
    /// not finite.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let format = |e: safetensors::SafeTensorError| CheckpointError::Format(e.to_string());
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(format)?;
        let file = SafeTensors::deserialize(bytes).map_err(format)?;
        let header = metadata.metadata().as_ref();
        let entry = |name: &'static str| {
            header
                .and_then(|h| h.get(name))
                .ok_or(CheckpointError::Header(name))
        };
        if entry("format")? != "basin-train2d-1" {
            return Err(CheckpointError::Header("format"));
        }
        let json = serde_json::from_str(entry("settings")?)
            .map_err(|_| CheckpointError::Header("settings"))?;
        let (settings, _) = Settings::from_json(&json);
        fn number<T: std::str::FromStr>(
            text: &str,
            name: &'static str,
        ) -> Result<T, CheckpointError> {
            text.parse().map_err(|_| CheckpointError::Header(name))
        }
        let array = |name: &str| {
            let view = file
                .tensor(name)
                .map_err(|_| CheckpointError::Shape(name.into()))?;
            if view.dtype() != Dtype::F32 {
                return Err(CheckpointError::Shape(name.into()));
            }
            let floats = view.data().chunks_exact(4);
            Ok(floats
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect::<Vec<_>>())
        };
        let mut weights = Vec::new();
        for block in Architecture::from_settings(&settings).layout().blocks {
            let values = array(&format!("{WEIGHTS}{}", block.name))?;
            if values.len() != block.range().len() {
                return Err(CheckpointError::Shape(block.name));
            }
            weights.extend(values);
        }
        let with_buffer = buffer_size(&settings) > 0;
        let optional = |name| {
            if with_buffer {
                array(name)
            } else {
                Ok(Vec::new())
            }
        };
        let checkpoint = Self {
            iteration: number(entry("iteration")?, "iteration")?,
            seconds: number(entry("seconds")?, "seconds")?,
            adam_steps: number(entry("adam_steps")?, "adam_steps")?,
            weights,
            first: array("adam/first")?,
            second: array("adam/second")?,
            window: array("sampler/window")?,
            chains: optional("chains/x")?,
            members: optional("chains/level")?,
            steps: array("sampler/steps")?,
            average: match has_average(&settings) {
                true => array("average")?,
                false => Vec::new(),
            },
            others: objective::arrays(&settings)
                .iter()
                .map(|(name, _)| array(name))
                .collect::<Result<_, _>>()?,
            settings,
        };
        if checkpoint.iteration > LONGEST || checkpoint.adam_steps > LONGEST {
            return Err(CheckpointError::Header("iteration"));
        }
        if !(checkpoint.seconds >= 0.0 && checkpoint.seconds.is_finite()) {
            return Err(CheckpointError::Header("seconds"));
        }
        checkpoint.validate()?;
        Ok(checkpoint)
    }
}

fn has_average(settings: &Settings) -> bool {
    settings.float(Key::Ema) > 0.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Draws, Stream};

    fn small() -> Checkpoint {
        let mut settings = Settings::default();
        for (key, text) in [
            (Key::Width, "8"),
            (Key::Depth, "1"),
            (Key::Buffer, "20"),
            (Key::Chains, "10"),
        ] {
            settings.set_text(key, text).unwrap();
        }
        let parameters = Architecture::from_settings(&settings).layout().parameters();
        let draw = |n: usize, step| Draws::new(4, Stream::Test, step).normals(n);
        Checkpoint {
            settings,
            iteration: 12,
            seconds: 1.5,
            weights: draw(parameters, 0),
            first: draw(parameters, 1),
            second: draw(parameters, 2),
            adam_steps: 12,
            window: draw(14, 3),
            chains: draw(40, 4),
            members: (0..140)
                .map(|i| f32::from(u8::from(i % 7 == i / 7 % 7)))
                .collect(),
            steps: draw(7, 6),
            average: Vec::new(),
            others: Vec::new(),
        }
    }

    #[test]
    fn files_round_trip() {
        let checkpoint = small();
        assert_eq!(
            Checkpoint::from_bytes(&checkpoint.to_bytes()).unwrap(),
            checkpoint
        );
    }

    #[test]
    fn numbers_that_are_not_finite_are_refused() {
        let mut checkpoint = small();
        checkpoint.second[3] = f32::NAN;
        let error = Checkpoint::from_bytes(&checkpoint.to_bytes()).unwrap_err();
        assert_eq!(error, CheckpointError::NotFinite("adam/second".into()));
    }

    #[test]
    fn chains_sit_at_one_level_each() {
        for wrong in [0.5, 1.0, 9.0] {
            let mut checkpoint = small();
            checkpoint.members[1] = wrong;
            let error = Checkpoint::from_bytes(&checkpoint.to_bytes()).unwrap_err();
            assert_eq!(error, CheckpointError::Shape("chains/level".into()));
        }
    }

    #[test]
    fn endless_runs_are_refused() {
        let mut checkpoint = small();
        checkpoint.iteration = u64::MAX;
        let error = Checkpoint::from_bytes(&checkpoint.to_bytes()).unwrap_err();
        assert_eq!(error, CheckpointError::Header("iteration"));
    }

    /// Mutated and cut files: an error or a valid checkpoint, never a panic.
    #[test]
    fn broken_files_are_errors() {
        let good = small().to_bytes();
        for case in 0..20_000u64 {
            let draws = Draws::new(case, Stream::Test, 7);
            let mut bytes = good.clone();
            for m in 0..1 + draws.below(0, 4) {
                // Half of the damage goes into the header, where the structure is.
                let reach = if draws.below(4 * m + 1, 2) == 0 {
                    2000.min(bytes.len())
                } else {
                    bytes.len()
                };
                let at = draws.below(4 * m + 2, reach as u32) as usize;
                bytes[at] = draws.bits(4 * m + 3) as u8;
            }
            if draws.below(99, 3) == 0 {
                bytes.truncate(draws.below(98, bytes.len() as u32) as usize);
            }
            if let Ok(checkpoint) = Checkpoint::from_bytes(&bytes) {
                let again = Checkpoint::from_bytes(&checkpoint.to_bytes());
                assert_eq!(again.unwrap(), checkpoint);
            }
        }
        assert!(matches!(
            Checkpoint::from_bytes(b"hello"),
            Err(CheckpointError::Format(_))
        ));
    }
}
