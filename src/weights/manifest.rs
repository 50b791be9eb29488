//! The list of the weights that are shipped: `www/weights/manifest.json`.
//!
//! Invariant: a manifest that reads is consistent: names and hashes are well formed, and its paths stay
//! inside the page's folder.

use super::ModelSpec;
use serde::{Deserialize, Serialize};

/// The version of the form that this build reads.
pub const VERSION: u32 = 1;

/// The shipped models.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub version: u32,
    pub models: Vec<Entry>,
}

/// A shipped model: what it is, where its weights are, and what is known about them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub model: ModelSpec,
    pub parameters: u64,
    pub file: FileFacts,
    pub input: Input,
    /// The scores of known images under the model, as a path from the page.
    pub reference: FileFacts,
    pub training: Training,
    /// What `basin evaluate` measured, in brief.
    pub measured: Option<Summary>,
    /// Energies of the golden images (`data::made`) at the first, middle and last level, level by level.
    pub golden: Vec<f32>,
}

/// A file of the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFacts {
    /// From the page's folder.
    pub path: String,
    pub bytes: u64,
    /// In lower-case hexadecimal digits.
    pub sha256: String,
}

/// How images become the network's input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    pub layout: String,
    pub channels: String,
    pub side: usize,
    pub range: [f32; 2],
}

impl Default for Input {
    fn default() -> Self {
        Self {
            layout: "NCHW".into(),
            channels: "RGB".into(),
            side: 32,
            range: [-1.0, 1.0],
        }
    }
}

/// How a model was trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Training {
    pub data: String,
    pub images: u64,
    pub hours: f64,
    pub device: String,
    pub command: String,
    pub commit: String,
}

/// What was measured, with the command that printed it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Fréchet distances of samples, and of the Gaussian baseline, by feature network.
    pub frechet: Vec<(String, f64, f64)>,
    /// The score that tells sets apart best, and its AUROC on each.
    pub score: String,
    pub auroc: Vec<(String, f64)>,
    pub command: String,
    pub commit: String,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str) -> Result<Self, String> {
        let manifest: Self = serde_json::from_str(text).map_err(|e| e.to_string())?;
        if manifest.version != VERSION {
            return Err(format!("version {} is not {VERSION}", manifest.version));
        }
        for entry in &manifest.models {
            let name = &entry.model.name;
            let wrong = |what: &str| format!("{name:?}: {what}");
            entry.model.check().map_err(|e| wrong(&e))?;
            for file in [&entry.file, &entry.reference] {
                file.check().map_err(wrong)?;
            }
        }
        Ok(manifest)
    }

    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.models.iter().find(|entry| entry.model.name == name)
    }
}

/// Largest file that is loaded.
pub const MOST_BYTES: u64 = 64 << 20;

impl FileFacts {
    /// The path, with the hash behind it so that no cache answers with another version.
    pub fn address(&self) -> String {
        format!("{}?sha256={}", self.path, self.sha256)
    }

    fn check(&self) -> Result<(), &'static str> {
        let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if self.sha256.len() != 64 || !self.sha256.bytes().all(digit) {
            return Err("the hash is no SHA-256");
        }
        let part = |p: &str| {
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
            !p.is_empty() && !p.starts_with('.') && p.bytes().all(plain)
        };
        if !self.path.split('/').all(part) {
            return Err("the path leaves the page");
        }
        match (1..=MOST_BYTES).contains(&self.bytes) {
            true => Ok(()),
            false => Err("the size is out of range"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let file = FileFacts {
            path: "weights/a.safetensors".into(),
            bytes: 7,
            sha256: "0a".repeat(32),
        };
        Manifest {
            version: VERSION,
            models: vec![Entry {
                model: ModelSpec::named("dcd-cifar").unwrap(),
                parameters: 3,
                reference: file.clone(),
                file,
                input: Input::default(),
                training: Training {
                    data: "CIFAR-10".into(),
                    images: 1,
                    hours: 0.5,
                    device: "two cores".into(),
                    command: "basin train".into(),
                    commit: "0".into(),
                },
                measured: None,
                golden: vec![1.0],
            }],
        }
    }

    fn written(manifest: &Manifest) -> Result<Manifest, String> {
        Manifest::read(&serde_json::to_string(manifest).unwrap())
    }

    #[test]
    fn a_manifest_survives_its_file() {
        let right = manifest();
        assert_eq!(written(&right), Ok(right.clone()));
        assert!(right.entry("dcd-cifar").is_some() && right.entry("x").is_none());
    }

    #[test]
    fn what_is_inconsistent_is_refused() {
        type Break = fn(&mut Manifest);
        let breaks: [Break; 6] = [
            |m| m.version = 2,
            |m| m.models[0].file.sha256 = "0A".repeat(32),
            |m| m.models[0].file.path = "../a".into(),
            |m| m.models[0].reference.path = "https://a/b".into(),
            |m| m.models[0].file.bytes = 1 << 40,
            |m| m.models[0].model.name = "a".repeat(100),
        ];
        for (i, spoil) in breaks.into_iter().enumerate() {
            let mut broken = manifest();
            spoil(&mut broken);
            assert!(written(&broken).is_err(), "{i}");
        }
        assert!(Manifest::read("{}").is_err());
    }
}
