//! Models: listed, loaded, checked, kept and deleted.

use super::{BATCH, Model, Studio, bytes_per_image, failed, tell};
use crate::data::images::NUMBERS;
use crate::data::made::golden;
use crate::energy::Energy;
use crate::engine::TrainError;
use crate::engine::model::{ImageModel, golden_error};
use crate::protocol::{ImageEvent, Loaded};
use crate::settings::IMAGE_SAMPLERS;
use crate::weights::manifest::{Entry, FileFacts, Manifest};
use crate::weights::reference::Reference;
use crate::weights::{WeightsFile, sha256};
use crate::worker::inbox::Letter;
use crate::worker::loader::{self, Fetched};
use crate::worker::session::guarded;
use std::rc::Rc;
use web_sys::AbortController;
use web_time::Instant;

/// Where the list of models is.
const MANIFEST: &str = "weights/manifest.json";

/// The name that it is kept under.
const MANIFEST_KEPT: &str = "manifest";

/// Most images of a grid.
const MOST: u32 = 64;

/// A file on its way.
pub struct Loading {
    number: u32,
    name: String,
    abort: AbortController,
}

impl Studio {
    /// Tells which models there are, from the host or, without it, from the last visit.
    pub(super) async fn list(&mut self, base: String) {
        self.base = base;
        let base = self.base.as_str();
        let found = match loader::text(base, MANIFEST).await {
            Ok(text) => Manifest::read(&text).map(|manifest| (manifest, text)),
            Err(message) => match loader::kept(base, MANIFEST_KEPT).await {
                Some(bytes) => {
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    Manifest::read(&text).map(|manifest| (manifest, text))
                }
                None => Err(message),
            },
        };
        match found {
            Ok((manifest, text)) => {
                // Without room it is fetched anew each time.
                let _ = loader::keep(base, MANIFEST_KEPT, text.as_bytes()).await;
                self.manifest = manifest;
                self.tidy().await;
                tell(ImageEvent::Models {
                    manifest: text,
                    kept: self.kept().await,
                });
            }
            Err(message) => tell(ImageEvent::NoModels { message }),
        }
    }

    /// Deletes kept files that no model of the list has any more.
    async fn tidy(&self) {
        let models = self.manifest.models.iter();
        let files = models.flat_map(|entry| [&entry.file.sha256, &entry.reference.sha256]);
        let known: Vec<&String> = files.collect();
        for name in loader::names(&self.base).await {
            if name != MANIFEST_KEPT && !known.contains(&&name) {
                loader::forget(&self.base, &name).await;
            }
        }
    }

    /// The names of the models whose weights are on this machine.
    async fn kept(&self) -> Vec<String> {
        let files = loader::names(&self.base).await;
        let here = |entry: &&Entry| files.contains(&entry.file.sha256);
        let models = self.manifest.models.iter().filter(here);
        models.map(|entry| entry.model.name.clone()).collect()
    }

    pub(super) async fn load(&mut self, name: String) -> Result<(), TrainError> {
        if self.loading.as_ref().is_some_and(|l| l.name == name) {
            return Ok(());
        }
        self.give_up();
        let Some(entry) = self.manifest.entry(&name).cloned() else {
            tell(not_loaded(format!("there is no model {name:?}")));
            return Ok(());
        };
        let file = entry.file;
        if let Some(bytes) = loader::kept(&self.base, &file.sha256).await {
            if sha256(&bytes) == file.sha256 {
                return self.take_file(&name, bytes).await;
            }
            loader::forget(&self.base, &file.sha256).await;
        }
        let Ok(abort) = AbortController::new() else {
            tell(not_loaded(
                "this browser cannot stop a loading, so none begins".into(),
            ));
            return Ok(());
        };
        let part = match self.part.take() {
            Some((hash, bytes)) if hash == file.sha256 => bytes,
            other => {
                self.part = other;
                Vec::new()
            }
        };
        let (base, signal) = (self.base.clone(), abort.signal());
        let inbox = Rc::clone(&self.inbox);
        let number = self.loadings;
        self.loadings += 1;
        self.loading = Some(Loading {
            number,
            name,
            abort,
        });
        wasm_bindgen_futures::spawn_local(async move {
            let total = file.bytes;
            let progress = |received| tell(ImageEvent::Loading { received, total });
            progress(part.len() as u64);
            let fetched = loader::fetch(&base, &file, part, &signal, progress).await;
            inbox.put(Letter::Fetched {
                loading: number,
                sha256: file.sha256,
                fetched,
            });
        });
        Ok(())
    }

    pub(super) fn stop_loading(&mut self) {
        if let Some(loading) = &self.loading {
            loading.abort.abort();
        }
    }

    /// Stops a loading for the sake of another model; what comes of it is only kept for later.
    fn give_up(&mut self) {
        self.stop_loading();
        self.loading = None;
    }

    /// A loading has ended.
    pub async fn fetched(
        &mut self,
        number: u32,
        sha256: String,
        fetched: Fetched,
    ) -> Result<(), TrainError> {
        let current = self.loading.take_if(|l| l.number == number);
        let Some(Loading { name, .. }) = current else {
            match fetched {
                Fetched::Part { bytes, .. } => self.part = Some((sha256, bytes)),
                // It came sooner than the end of it was asked for.
                Fetched::Whole(bytes) => self.keep(&sha256, &bytes).await,
            }
            return Ok(());
        };
        match fetched {
            Fetched::Whole(bytes) => {
                self.keep(&sha256, &bytes).await;
                self.take_file(&name, bytes).await?;
            }
            Fetched::Part { bytes, reason } => {
                if !bytes.is_empty() {
                    self.part = Some((sha256, bytes));
                }
                tell(ImageEvent::NotLoaded { message: reason });
            }
        }
        Ok(())
    }

    /// Keeps a file on this machine, and tells what is kept now.
    async fn keep(&self, sha256: &str, bytes: &[u8]) {
        let problem = loader::keep(&self.base, sha256, bytes).await.err();
        tell(ImageEvent::Kept {
            names: self.kept().await,
            problem,
        });
    }

    /// Takes the weights of a shipped model, with what is known about it.
    async fn take_file(&mut self, name: &str, bytes: Vec<u8>) -> Result<(), TrainError> {
        let Some(entry) = self.manifest.entry(name).cloned() else {
            return Ok(());
        };
        let reference = match self.reference(&entry.reference).await {
            Ok(reference) => Some(reference),
            Err(message) => {
                tell(failed(&format!(
                    "the scores of known images could not be loaded, so there are no percentiles: {message}"
                )));
                None
            }
        };
        self.build(bytes, reference, Some(&entry)).await
    }

    async fn reference(&self, file: &FileFacts) -> Result<Reference, String> {
        let kept = loader::kept(&self.base, &file.sha256).await;
        let text = match kept.filter(|bytes| sha256(bytes) == file.sha256) {
            Some(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            None => {
                let text = loader::text(&self.base, &file.address()).await?;
                if sha256(text.as_bytes()) != file.sha256 {
                    return Err("the file does not have the hash that it should".into());
                }
                // Without room it is fetched anew each time.
                let _ = loader::keep(&self.base, &file.sha256, text.as_bytes()).await;
                text
            }
        };
        Reference::read(&text)
    }

    /// Takes weights of the visitor's own.
    pub(super) async fn open_own(&mut self, bytes: Vec<u8>) -> Result<(), TrainError> {
        self.give_up();
        let hash = sha256(&bytes);
        let shipped = |entry: &&Entry| entry.file.sha256 == hash;
        match self.manifest.models.iter().find(shipped) {
            Some(entry) => {
                let name = entry.model.name.clone();
                self.take_file(&name, bytes).await
            }
            None => self.build(bytes, None, None).await,
        }
    }

    /// Builds the model of a file and checks it; the one before stays until then. Whoever calls this may wait
    /// for the host as long as that takes; the device's deadline is kept in here.
    async fn build(
        &mut self,
        file: Vec<u8>,
        reference: Option<Reference>,
        entry: Option<&Entry>,
    ) -> Result<(), TrainError> {
        let read = WeightsFile::read(&file).and_then(|f| ImageModel::new(&f, &self.device));
        let net = match read {
            Ok(net) => net,
            Err(error) => {
                tell(not_loaded(error.to_string()));
                return Ok(());
            }
        };
        let refused = |error: &TrainError| tell(not_loaded(error.to_string()));
        let found = guarded(net.golden()).await.inspect_err(refused)?;
        let error = entry.map(|entry| golden_error(&found, &entry.golden));
        // The first evaluation compiles what the second is timed by.
        let images = golden()
            .numbers()
            .repeat(BATCH * NUMBERS / golden().pixels.len());
        let mut seconds = 0.0;
        for _ in 0..if self.binding.is_some() { 2 } else { 1 } {
            let began = Instant::now();
            let (_, grad) = net.at(0).energy_and_grad(net.matrix(images.clone()));
            let read = guarded(crate::engine::numbers_of(grad)).await;
            read.inspect_err(refused)?;
            seconds = began.elapsed().as_secs_f32();
        }
        let most = self.binding.map_or(u64::from(MOST), |bytes| {
            bytes / (4 * net.largest_map as u64)
        });
        let most = most.min(u64::from(MOST)) as u32;
        if most == 0 {
            tell(not_loaded(
                "this device cannot hold the maps of a single image of this model".into(),
            ));
            return Ok(());
        }
        let loaded = Loaded {
            name: net.spec.name.clone(),
            samplers: IMAGE_SAMPLERS
                .iter()
                .filter(|name| net.spec.allows(name))
                .map(|name| (*name).to_owned())
                .collect(),
            own: entry.is_none(),
            parameters: net.parameters as u64,
            sha256: sha256(&file),
            noise: (0..net.levels())
                .map(|t| net.relative_noise(t) as f32)
                .collect(),
            golden_error: error,
            seconds,
            batch: BATCH as u32,
            on_gpu: self.binding.is_some(),
            most,
            bytes_per_image: bytes_per_image(&net),
            reference: reference.clone().map(Box::new),
        };
        self.model = Some(Model {
            net,
            reference,
            file,
            most,
        });
        self.sampling = None;
        self.playing = false;
        tell(ImageEvent::Loaded(Box::new(loaded)));
        Ok(())
    }

    /// Builds a model again on another device. What was drawn lived on the device before.
    pub(super) fn rebuild(&mut self, model: Model) {
        let drawing = self.sampling.take().is_some();
        let read = WeightsFile::read(&model.file).and_then(|f| ImageModel::new(&f, &self.device));
        match read {
            Ok(net) => self.model = Some(Model { net, ..model }),
            Err(error) => tell(not_loaded(error.to_string())),
        }
        if drawing {
            self.playing = false;
            tell(ImageEvent::DrawingLost);
        }
    }

    /// Deletes a model's files from this machine.
    pub(super) async fn forget(&mut self, name: &str) {
        if let Some(entry) = self.manifest.entry(name) {
            loader::forget(&self.base, &entry.file.sha256).await;
            loader::forget(&self.base, &entry.reference.sha256).await;
        }
        tell(ImageEvent::Kept {
            names: self.kept().await,
            problem: None,
        });
    }
}

fn not_loaded(message: String) -> ImageEvent {
    ImageEvent::NotLoaded {
        message: Some(message),
    }
}
