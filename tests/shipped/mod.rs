//! The shipped weights give the energies that their trainer's machine gave, on any device.

use basin::engine::model::{ImageModel, golden_error};
use basin::protocol::GOLDEN_TOLERANCE;
use basin::weights::manifest::Manifest;
use basin::weights::{WeightsFile, sha256};
use burn::tensor::Device;

const MANIFEST: &str = include_str!("../../www/weights/manifest.json");

/// Every file of the manifest by its model's name.
const FILES: &[(&str, &[u8])] = &[
    (
        "dcd-cifar",
        include_bytes!("../../www/weights/dcd-cifar.safetensors"),
    ),
    (
        "da-ebm-cifar",
        include_bytes!("../../www/weights/da-ebm-cifar.safetensors"),
    ),
    (
        "ddaebm-cifar",
        include_bytes!("../../www/weights/ddaebm-cifar.safetensors"),
    ),
];

pub async fn gives_golden_energies(device: &Device) {
    let manifest = Manifest::read(MANIFEST).unwrap();
    assert_eq!(manifest.models.len(), FILES.len());
    for (name, bytes) in FILES {
        let entry = manifest.entry(name).unwrap();
        assert_eq!(sha256(bytes), entry.file.sha256, "{name}");
        assert_eq!(bytes.len() as u64, entry.file.bytes);
        let file = WeightsFile::read(bytes).unwrap();
        assert_eq!(file.model, entry.model);
        let model = ImageModel::new(&file, device).unwrap();
        assert_eq!(model.parameters as u64, entry.parameters);
        let error = golden_error(&model.golden().await.unwrap(), &entry.golden);
        assert!(error <= GOLDEN_TOLERANCE, "{name} is {error:e} off");
    }
}
