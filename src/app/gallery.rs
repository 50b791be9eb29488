//! Models, drawn images and the visitor's own as the page knows them: a fold over the worker's events.
//!
//! Invariant: the same events give the same [`Gallery`], and nothing here knows a browser. What an event
//! asks of the page beyond showing it comes back as an [`Asked`].

use super::words;
use crate::protocol::{
    Denoised, Explained, FrameFacts, GOLDEN_TOLERANCE, ImageEvent, Loaded, Seen,
};
use crate::weights::manifest::Manifest;
use std::collections::BTreeMap;

/// What the worker does about a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Weights {
    #[default]
    None,
    Loading {
        received: u64,
        total: u64,
    },
    /// Stopped or failed.
    Stopped,
    Ready,
}

/// An image of the visitor's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Own {
    pub name: String,
    /// The file's address for the worker; none for images made by the page.
    pub url: Option<String>,
    pub state: OwnState,
    pub seen: Option<Seen>,
    pub scores: Vec<f32>,
    pub percentiles: Vec<f32>,
    pub explained: Option<Explained>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub enum OwnState {
    #[default]
    Reading,
    Unreadable(String),
    /// Waits for its scores.
    Waiting,
    Scored,
}

/// Everything the pages of images show.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gallery {
    pub manifest: Option<Manifest>,
    /// Why there is no list of models.
    pub no_models: Option<String>,
    /// Names of models kept on this machine.
    pub kept: Vec<String>,
    pub weights: Weights,
    pub loaded: Option<Loaded>,
    pub playing: bool,
    /// Images in the newest drawing.
    pub drawing: Option<u32>,
    pub frame: Option<FrameFacts>,
    /// How many drawings have begun.
    pub drawings: u32,
    /// The visitor's images by their numbers, in the order they came.
    pub own: BTreeMap<u32, Own>,
    pub denoised: Option<Denoised>,
    next: u32,
}

/// What an event asks of the page.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    Say(String),
    Warn(String),
    /// The list of models has come.
    Listed,
    /// A model is ready: images that wait can be scored. The warning is about its energies.
    Ready {
        warning: Option<String>,
    },
    /// These images can be scored.
    Score(Vec<u32>),
}

impl Gallery {
    /// Takes one event in.
    pub fn apply(&mut self, event: ImageEvent) -> Option<Asked> {
        match event {
            ImageEvent::Models { manifest, kept } => match Manifest::read(&manifest) {
                Ok(manifest) => {
                    (self.manifest, self.kept, self.no_models) = (Some(manifest), kept, None);
                    Some(Asked::Listed)
                }
                Err(message) => self.unlisted(message),
            },
            ImageEvent::NoModels { message } => self.unlisted(message),
            ImageEvent::Loading { received, total } => {
                self.weights = Weights::Loading { received, total };
                None
            }
            ImageEvent::NotLoaded { message } => {
                self.weights = match &self.loaded {
                    Some(_) => Weights::Ready,
                    None => Weights::Stopped,
                };
                Some(match message {
                    None => {
                        Asked::Say("Loading stopped. What has come stays for the next try.".into())
                    }
                    Some(message) => Asked::Warn(format!("No model was loaded: {message}.")),
                })
            }
            ImageEvent::Loaded(loaded) => Some(self.load(*loaded)),
            ImageEvent::Kept { names, problem } => {
                self.kept = names;
                problem.map(|problem| {
                    Asked::Warn(format!(
                        "The model works, but is not kept for the next visit: {problem}."
                    ))
                })
            }
            ImageEvent::Sampling { images } => {
                self.drawing = Some(images);
                self.frame = None;
                self.drawings += 1;
                None
            }
            ImageEvent::DrawingLost => {
                (self.drawing, self.frame, self.playing) = (None, None, false);
                let text = "The GPU was lost, and with it the images drawn on it: draw them again.";
                Some(Asked::Warn(text.into()))
            }
            ImageEvent::Playing(playing) => {
                self.playing = playing;
                None
            }
            ImageEvent::Frame(frame) => {
                self.frame = Some(*frame);
                None
            }
            ImageEvent::Read(seen) => {
                let own = self.own.get_mut(&seen.id)?;
                let id = seen.id;
                own.state = OwnState::Waiting;
                (own.scores, own.percentiles, own.explained) = Default::default();
                own.seen = Some(*seen);
                self.loaded.is_some().then(|| Asked::Score(vec![id]))
            }
            ImageEvent::Unreadable { id, message } => {
                self.own.get_mut(&id)?.state = OwnState::Unreadable(message);
                None
            }
            ImageEvent::Scored(scored) => {
                let own = self.own.get_mut(&scored.id)?;
                // What is read anew meanwhile gets other scores soon.
                if own.state != OwnState::Waiting {
                    return None;
                }
                own.state = OwnState::Scored;
                (own.scores, own.percentiles) = (scored.scores, scored.percentiles);
                None
            }
            ImageEvent::Explained(explained) => {
                let own = self.own.get_mut(&explained.id)?;
                own.explained = Some(*explained);
                None
            }
            ImageEvent::Denoised(denoised) => {
                self.denoised = Some(*denoised);
                None
            }
            ImageEvent::Failed { message } => Some(Asked::Warn(words::sentence(&message))),
        }
    }

    fn unlisted(&mut self, message: String) -> Option<Asked> {
        self.no_models = Some(message);
        None
    }

    fn load(&mut self, loaded: Loaded) -> Asked {
        self.weights = Weights::Ready;
        self.drawing = None;
        self.frame = None;
        self.playing = false;
        self.denoised = None;
        for own in self.own.values_mut() {
            if own.state == OwnState::Scored {
                own.state = OwnState::Waiting;
            }
            (own.scores, own.percentiles, own.explained) = Default::default();
        }
        let wrong = loaded
            .golden_error
            .filter(|error| *error > GOLDEN_TOLERANCE);
        let name = loaded.name.clone();
        self.loaded = Some(loaded);
        let warning = wrong.map(|error| {
            format!(
                "This device computes the energies of {name} {error:.1e} off those of the machine that trained it; {GOLDEN_TOLERANCE:.0e} is allowed. Do not trust its numbers."
            )
        });
        Asked::Ready { warning }
    }

    /// The worker is gone, and with it model and drawings; the visitor's images are read anew.
    pub fn lose_worker(&mut self) {
        let own = std::mem::take(&mut self.own);
        *self = Self {
            own,
            next: self.next,
            ..Self::default()
        };
        for own in self.own.values_mut() {
            if !matches!(own.state, OwnState::Unreadable(_)) {
                own.state = OwnState::Reading;
            }
        }
    }

    /// Puts an image of the visitor's in line and gives its number.
    pub fn add(&mut self, name: String, url: Option<String>) -> u32 {
        let id = self.next;
        self.next += 1;
        let own = Own {
            name,
            url,
            ..Own::default()
        };
        self.own.insert(id, own);
        id
    }

    /// The numbers of the images that wait for scores.
    pub fn waiting(&self) -> Vec<u32> {
        let waits = |(id, own): (&u32, &Own)| (own.state == OwnState::Waiting).then_some(*id);
        self.own.iter().filter_map(waits).collect()
    }

    /// How many images are scored, of those that can be.
    pub fn progress(&self) -> (usize, usize) {
        let state = |own: &&Own| !matches!(own.state, OwnState::Unreadable(_));
        let scored = self
            .own
            .values()
            .filter(|own| own.state == OwnState::Scored);
        (scored.count(), self.own.values().filter(state).count())
    }
}

#[cfg(test)]
impl Gallery {
    /// Images with these percentiles in every column, and one that could not be read.
    pub fn scored(percentiles: &[f32]) -> Self {
        let mut gallery = Self::default();
        for (i, &p) in percentiles.iter().enumerate() {
            let id = gallery.add(format!("=image \"{i}\".png"), None);
            let seen = Seen {
                id,
                width: 640,
                height: 480,
                ..Seen::default()
            };
            gallery.apply(ImageEvent::Read(Box::new(seen)));
            gallery.apply(ImageEvent::Scored(Box::new(crate::protocol::Scored {
                id,
                scores: vec![p / 10.0; crate::weights::reference::COLUMNS],
                percentiles: vec![p; crate::weights::reference::COLUMNS],
            })));
        }
        let bad = gallery.add("bad.png".into(), None);
        let message = "this browser cannot read it".into();
        gallery.apply(ImageEvent::Unreadable { id: bad, message });
        gallery
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_drawing_leaves_nothing_on_show() {
        let mut g = Gallery::scored(&[50.0]);
        g.apply(ImageEvent::Sampling { images: 4 });
        g.apply(ImageEvent::Frame(Box::default()));
        g.apply(ImageEvent::Playing(true));
        let asked = g.apply(ImageEvent::DrawingLost);
        assert!(matches!(asked, Some(Asked::Warn(_))));
        assert_eq!((g.drawing, &g.frame, g.playing), (None, &None, false));
        assert_eq!(g.own.len(), 2);
    }

    #[test]
    fn a_new_model_asks_for_new_scores() {
        let mut g = Gallery::scored(&[50.0, 60.0]);
        assert!(g.waiting().is_empty());
        g.lose_worker();
        assert_eq!(g.own[&0].state, OwnState::Reading);
        assert!(matches!(g.own[&2].state, OwnState::Unreadable(_)));
        let seen = Seen::default();
        assert_eq!(g.apply(ImageEvent::Read(Box::new(seen))), None);
        assert_eq!(g.waiting(), [0]);
    }

    #[test]
    fn a_failed_loading_keeps_the_model_before() {
        let mut g = Gallery::default();
        let stop = || ImageEvent::NotLoaded { message: None };
        g.apply(ImageEvent::Loading {
            received: 1,
            total: 9,
        });
        assert!(matches!(g.apply(stop()), Some(Asked::Say(_))));
        assert_eq!(g.weights, Weights::Stopped);
        let loaded = |golden_error| {
            ImageEvent::Loaded(Box::new(Loaded {
                name: "a".into(),
                samplers: vec!["annealed".into()],
                own: false,
                parameters: 1,
                sha256: String::new(),
                noise: vec![0.1],
                golden_error,
                seconds: 1.0,
                batch: 16,
                on_gpu: false,
                most: 64,
                bytes_per_image: 1,
                reference: None,
            }))
        };
        let fine = Asked::Ready { warning: None };
        assert_eq!(g.apply(loaded(Some(1e-5))), Some(fine));
        g.apply(ImageEvent::Loading {
            received: 1,
            total: 9,
        });
        g.apply(stop());
        assert_eq!(
            (g.weights.clone(), g.loaded.is_some()),
            (Weights::Ready, true)
        );
        let said = g.apply(loaded(Some(f32::INFINITY)));
        assert!(matches!(said, Some(Asked::Ready { warning: Some(_) })));
    }
}
