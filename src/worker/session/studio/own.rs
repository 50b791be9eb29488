//! Images of the visitor's: read, scored, explained, denoised.

use super::{Studio, failed, tell};
use crate::data::images::{Images, NUMBERS, SIDE};
use crate::data::resample::Resample;
use crate::engine::TrainError;
use crate::engine::scores::{self, DROP_STEPS, maps, measure};
use crate::protocol::{Denoised, Explained, ImageEvent, Scored, Seen};
use crate::settings::{ImageKey, ImageSettings};
use crate::weights::reference::{COLUMNS, Score};
use crate::worker::photo::Photo;
use std::time::Duration;
use web_time::Instant;

/// Images that are scored together: few, so that the first scores are soon there.
pub const TOGETHER: usize = 8;

/// After so long no further photograph is begun before a look at what else is due.
const SLICE: Duration = Duration::from_millis(100);

/// Most images that are held.
const MOST: usize = 500;

/// A photograph that waits to be read.
pub struct Unread {
    pub id: u32,
    pub url: String,
    pub settings: Box<ImageSettings>,
}

impl Studio {
    /// Reads the next photographs that wait, as many as fit a slice: scores of the first need not wait for
    /// the last.
    pub async fn read_next(&mut self) {
        let began = Instant::now();
        while let Some(Unread { id, url, settings }) = self.unread.pop_front() {
            self.read(id, &url, &settings).await;
            if began.elapsed() >= SLICE {
                break;
            }
        }
    }

    async fn read(&mut self, id: u32, url: &str, settings: &ImageSettings) {
        if self.own.len() >= MOST && !self.own.contains_key(&id) {
            return unreadable(id, format!("only {MOST} images are held at a time"));
        }
        match Photo::read(url, Resample::from_settings(settings)).await {
            Ok(photo) => {
                tell(ImageEvent::Read(Box::new(Seen {
                    id,
                    width: photo.width,
                    height: photo.height,
                    pixels: photo.image.pixels.clone(),
                    how: [ImageKey::Filter, ImageKey::Fit]
                        .map(|key| settings.text(key))
                        .join(", "),
                    thumb: photo.thumb,
                    thumb_rgba: photo.thumb_rgba,
                })));
                self.own.insert(id, photo.image);
            }
            Err(message) => unreadable(id, message),
        }
    }

    pub(super) fn take(&mut self, id: u32, pixels: Vec<u8>) {
        if pixels.len() != NUMBERS {
            return unreadable(id, "it has not 32 by 32 pixels".into());
        }
        let image = Images { pixels };
        let rgb = image.interleaved(0);
        let rgba = rgb
            .as_chunks::<3>()
            .0
            .iter()
            .flat_map(|&[r, g, b]| [r, g, b, 255]);
        let side = SIDE as u32;
        tell(ImageEvent::Read(Box::new(Seen {
            id,
            width: side,
            height: side,
            how: String::new(),
            thumb: (side, side),
            thumb_rgba: rgba.collect(),
            pixels: image.pixels.clone(),
        })));
        self.own.insert(id, image);
    }

    /// Scores the next few images that wait.
    pub(super) async fn score(&mut self) -> Result<(), TrainError> {
        let Some(model) = &self.model else {
            self.queue.clear();
            return Ok(());
        };
        let count = self.queue.len().min(TOGETHER);
        let ids: Vec<u32> = self.queue.iter().take(count).copied().collect();
        let asked = ids.len();
        let ids: Vec<u32> = ids
            .into_iter()
            .filter(|id| self.own.contains_key(id))
            .collect();
        if ids.is_empty() {
            self.queue.drain(..asked);
            return Ok(());
        }
        let pixels = ids
            .iter()
            .flat_map(|id| self.own[id].pixels.iter().copied());
        let images = Images {
            pixels: pixels.collect(),
        };
        // Should the device fail, they stay in line.
        let measured = measure(&model.net, &images).await?;
        self.queue.drain(..asked);
        for (&id, m) in ids.iter().zip(&measured) {
            let reference = model.reference.as_ref();
            let scored = match reference {
                Some(r) => {
                    let scores = r.fit.scores(m);
                    let percentile = |column| r.percentile(column, scores[column]);
                    Scored {
                        id,
                        percentiles: (0..COLUMNS).map(percentile).collect(),
                        scores: scores.to_vec(),
                    }
                }
                // What needs no fit.
                None => Scored {
                    id,
                    scores: Score::ALL
                        .iter()
                        .map(|score| match score {
                            Score::Energy => m.energy,
                            Score::MeanEnergy => m.mean_energy,
                            Score::Gradient => m.gradient,
                            Score::Drop => m.drop,
                            Score::Denoising | Score::Profile | Score::Typicality => f32::NAN,
                        })
                        .collect(),
                    percentiles: Vec::new(),
                },
            };
            tell(ImageEvent::Scored(Box::new(scored)));
        }
        Ok(())
    }

    pub(super) async fn explain(&mut self, id: u32) -> Result<(), TrainError> {
        let (Some(model), Some(image)) = (&self.model, self.own.get(&id)) else {
            tell(failed("the image is not here any more"));
            return Ok(());
        };
        let maps = maps(&model.net, image).await?;
        let scaled = |map: &[f32]| {
            let most = map.iter().fold(1e-12f32, |m, v| m.max(*v));
            map.iter()
                .map(|v| (255.0 * v / most) as u8)
                .collect::<Vec<u8>>()
        };
        tell(ImageEvent::Explained(Box::new(Explained {
            id,
            noise: maps.noise,
            energies: maps.energies,
            norms: maps.norms,
            gradients: maps
                .gradients
                .chunks_exact(SIDE * SIDE)
                .flat_map(scaled)
                .collect(),
            before: image.pixels.clone(),
            after: maps.after.pixels,
            steps: DROP_STEPS as u32,
        })));
        Ok(())
    }

    pub(super) async fn denoise(
        &mut self,
        id: u32,
        noise: f64,
        seed: u64,
    ) -> Result<(), TrainError> {
        let (Some(model), Some(image)) = (&self.model, self.own.get(&id)) else {
            tell(failed(
                "the image is not here any more, or no model is loaded",
            ));
            return Ok(());
        };
        let found = scores::denoise(&model.net, image, noise, seed).await?;
        tell(ImageEvent::Denoised(Box::new(Denoised {
            id,
            level: found.level as u32,
            noise: found.noise,
            noisy: found.noisy.pixels,
            clean: found.clean.pixels,
            noisy_psnr: found.noisy_psnr,
            clean_psnr: found.clean_psnr,
        })));
        Ok(())
    }
}

fn unreadable(id: u32, message: String) {
    tell(ImageEvent::Unreadable { id, message });
}
