//! What the pages of images know and do.
//!
//! Invariant: settings change only through [`Studio::adopt`], so worker, address and controls never
//! disagree; the gallery changes only by folding events and by the visitor's own images coming and going.

use crate::app::gallery::{Asked, Gallery, OwnState, Weights};
use crate::app::run::Run;
use crate::app::view::address::{Address, Entry};
use crate::app::view::browser::bytes_of;
use crate::app::view::page::Page;
use crate::app::view::state::State;
use crate::data::made::Made;
use crate::protocol::{Command, Event, ImageCommand, ImageEvent};
use crate::settings::{ImageKey, ImageSettings, Settings, Value};
use crate::thrown::message_of;
use crate::weights::manifest::MOST_BYTES;
use leptos::prelude::*;
use leptos::task::spawn_local;
use web_sys::{File, OffscreenCanvas, Url};

/// Most images of the visitor's.
pub const MOST: usize = 500;

/// Handles to everything the pages of images share.
#[derive(Clone, Copy)]
pub struct Studio {
    /// Device, notices and faults.
    pub state: State,
    pub settings: RwSignal<ImageSettings>,
    pub gallery: RwSignal<Gallery>,
    /// The image of the grid that is looked at.
    pub chosen: RwSignal<Option<u32>>,
    /// What the grid shows was drawn with these settings.
    pub drawn: RwSignal<Option<ImageSettings>>,
    /// The settings of the newest drawing asked for.
    asked: StoredValue<Option<ImageSettings>>,
    address: StoredValue<Address, LocalStorage>,
    made: StoredValue<u64>,
}

impl Studio {
    /// What the address asks for, if it is a page of images.
    pub fn provide(train: State) -> Self {
        let mut address = Address::default();
        let text = match Page::now().of_images() {
            true => address.news().unwrap_or_default(),
            false => String::new(),
        };
        let (settings, notices) = ImageSettings::parse(&text);
        let studio = Self {
            state: train.apart(Settings::default(), StoredValue::new(None)),
            settings: RwSignal::new(settings),
            gallery: RwSignal::default(),
            chosen: RwSignal::new(None),
            drawn: RwSignal::new(None),
            asked: StoredValue::new(None),
            address: StoredValue::new_local(address),
            made: StoredValue::new(0),
        };
        train.note_all(notices);
        provide_context(studio);
        studio
    }

    /// Starts a worker on a fresh canvas, ending the one before.
    pub fn start(self, canvas: OffscreenCanvas) {
        self.state.close();
        self.state.run.update(Run::lose_worker);
        self.gallery.update(Gallery::lose_worker);
        self.drawn.set(None);
        let absorb = move |events: Vec<(u8, Event)>| {
            events.into_iter().for_each(|(_, event)| self.absorb(event));
        };
        self.state.open(Vec::new(), Some(canvas), absorb);
    }

    pub fn send(self, command: ImageCommand) {
        self.state.send(Command::Images(command));
    }

    fn absorb(self, event: Event) {
        match event {
            Event::Images(event) => {
                match event {
                    ImageEvent::Sampling { .. } => self.drawn.set(self.asked.get_value()),
                    ImageEvent::DrawingLost => {
                        self.drawn.set(None);
                        self.chosen.set(None);
                    }
                    _ => {}
                }
                let mut asked = None;
                self.gallery.update(|gallery| asked = gallery.apply(event));
                if let Some(asked) = asked {
                    self.answer(asked);
                }
            }
            Event::Ready(lab) => {
                let first = self.state.run.with_untracked(|run| run.lab.is_none());
                self.state.run.update(|run| {
                    run.apply(Event::Ready(lab));
                });
                if first {
                    self.list();
                    self.read_again();
                }
            }
            Event::Stranded(why) => self.state.strand(why),
            event => self.state.absorb(vec![event]),
        }
    }

    fn answer(self, asked: Asked) {
        match asked {
            Asked::Say(text) => self.state.note(text, false),
            Asked::Warn(text) => self.state.note(text, true),
            Asked::Listed => self.begin(),
            Asked::Ready { warning } => {
                if let Some(warning) = warning {
                    self.state.note(warning, true);
                }
                let ids = self.gallery.with_untracked(Gallery::waiting);
                self.score(ids);
            }
            Asked::Score(ids) => self.score(ids),
        }
    }

    fn score(self, ids: Vec<u32>) {
        if !ids.is_empty() {
            self.send(ImageCommand::Score { ids });
        }
    }

    /// Loads what is on this machine already; anything else waits to be asked for.
    fn begin(self) {
        let name = self.model();
        let at_work = self.gallery.with_untracked(|g| {
            let loaded = g.loaded.as_ref().filter(|l| !l.own);
            loaded.is_some_and(|l| Some(&l.name) == name.as_ref())
        });
        if at_work {
            return;
        }
        let kept = self
            .gallery
            .with_untracked(|g| name.as_ref().is_some_and(|n| g.kept.contains(n)));
        if kept {
            self.load();
        }
    }

    /// The name of the model that is asked for: the link's, or the first one.
    pub fn model(self) -> Option<String> {
        let asked = self.settings.with_untracked(|s| s.model.clone());
        self.gallery.with_untracked(|gallery| {
            let manifest = gallery.manifest.as_ref()?;
            let found = manifest.entry(&asked).or(manifest.models.first())?;
            Some(found.model.name.clone())
        })
    }

    pub fn load(self) {
        if let Some(name) = self.model() {
            self.gallery.update(|g| {
                g.weights = Weights::Loading {
                    received: 0,
                    total: 0,
                }
            });
            self.send(ImageCommand::Load { name });
        }
    }

    /// Asks for the list of models.
    pub fn list(self) {
        let base = document().base_uri().ok().flatten().unwrap_or_default();
        self.send(ImageCommand::Models { base });
    }

    /// Play if resting, pause if playing.
    pub fn toggle_play(self) {
        let playing = self.gallery.with_untracked(|g| g.playing);
        self.send(ImageCommand::Play(!playing));
    }

    /// Begins to draw with the settings as they are.
    pub fn draw(self) {
        let mut settings = self.settings.get_untracked();
        if let Some(model) = self
            .gallery
            .with_untracked(|g| g.loaded.as_ref().map(|l| l.name.clone()))
        {
            settings.model = model;
        }
        self.chosen.set(None);
        self.asked.set_value(Some(self.settings.get_untracked()));
        self.send(ImageCommand::Guess(
            settings.choice(ImageKey::Picture) == "guess",
        ));
        self.send(ImageCommand::Sample(Box::new(settings)));
    }

    /// Makes `next` the settings, and the address if `entry` says how.
    pub fn adopt(self, next: ImageSettings, entry: Option<Entry>) {
        let before = self.settings.get_untracked();
        if before == next {
            return;
        }
        let text = next.print();
        if Page::now().of_images() {
            match entry {
                Some(Entry::New) => self.address.update_value(|a| a.write(text, Entry::New)),
                Some(Entry::Same) => Address::write_soon(self.address, text),
                None => {}
            }
        }
        let changed = |key: ImageKey| before.get(key) != next.get(key);
        let model = before.model != next.model;
        let read = [ImageKey::Filter, ImageKey::Fit, ImageKey::Background].map(changed);
        let picture = changed(ImageKey::Picture).then(|| next.choice(ImageKey::Picture) == "guess");
        self.settings.set(next);
        if let Some(guess) = picture {
            self.send(ImageCommand::Guess(guess));
        }
        if read.contains(&true) {
            self.read_again();
        }
        if model {
            self.begin();
        }
    }

    pub fn set(self, key: ImageKey, value: Value) {
        let mut next = self.settings.get_untracked();
        next.set(key, value);
        self.adopt(next, Some(Entry::Same));
    }

    pub fn set_text(self, key: ImageKey, text: &str) {
        let mut next = self.settings.get_untracked();
        if let Err(notice) = next.set_text(key, text) {
            self.state.note(notice.to_string(), false);
        }
        self.adopt(next, Some(Entry::Same));
    }

    /// Chooses a model, and with it its sampler.
    pub fn choose_model(self, name: String) {
        let mut next = self.settings.get_untracked();
        let sampler = self.gallery.with_untracked(|gallery| {
            let entry = gallery.manifest.as_ref()?.entry(&name)?;
            Some(entry.model.sampler())
        });
        if let Some(sampler) = sampler {
            // The table knows every model's sampler.
            next.set_text(ImageKey::Sampler, sampler).ok();
        }
        let loading = |g: &Gallery| matches!(g.weights, Weights::Loading { .. });
        let loading = self.gallery.with_untracked(loading);
        let at_work = |g: &Gallery| g.loaded.as_ref().is_some_and(|l| !l.own && l.name == name);
        let at_work = self.gallery.with_untracked(at_work);
        let kept = self.gallery.with_untracked(|g| g.kept.contains(&name));
        next.model = name;
        self.adopt(next, Some(Entry::New));
        match (loading, at_work, kept) {
            (true, true, _) => self.send(ImageCommand::StopLoading),
            // In place of the one on its way; what is kept is being loaded already.
            (true, false, false) => self.load(),
            _ => {}
        }
    }

    /// What the address says anew.
    pub fn news(self) -> Option<String> {
        let mut news = None;
        self.address.update_value(|address| news = address.news());
        news
    }

    /// Follows the address after "back", "forward" or an edit by hand.
    pub fn follow_address(self) {
        if let Some(text) = self.news() {
            let (settings, notices) = ImageSettings::parse(&text);
            self.state.note_all(notices);
            self.adopt(settings, None);
        }
    }

    /// The link of what is on show.
    pub fn link(self) -> String {
        self.settings.with(ImageSettings::print)
    }

    /// Opens files: weights become the model, everything else is read as images.
    pub fn open(self, files: Vec<File>) {
        let (weights, images): (Vec<_>, Vec<_>) = files
            .into_iter()
            .partition(|file| file.name().to_lowercase().ends_with(".safetensors"));
        for file in weights {
            if file.size() > MOST_BYTES as f64 {
                let (size, most) = (file.size() / 1e6, MOST_BYTES / 1_000_000);
                self.state.note(
                    format!(
                        "{} has {size:.0} MB; weights of at most {most} MB are opened.",
                        file.name()
                    ),
                    true,
                );
                continue;
            }
            spawn_local(async move {
                match bytes_of(&file).await {
                    Ok(bytes) => self.send(ImageCommand::Open(bytes)),
                    Err(error) => {
                        let why = message_of(&error);
                        self.state
                            .note(format!("The file could not be read: {why}."), true);
                    }
                }
            });
        }
        let room = MOST.saturating_sub(self.gallery.with_untracked(|g| g.own.len()));
        if images.len() > room {
            self.state.note(
                format!(
                    "{MOST} images are held at a time; {} of these were left out.",
                    images.len() - room
                ),
                true,
            );
        }
        for file in images.into_iter().take(room) {
            let Ok(url) = Url::create_object_url_with_blob(&file) else {
                continue;
            };
            let mut id = 0;
            self.gallery
                .update(|g| id = g.add(file.name(), Some(url.clone())));
            self.read(id, url);
        }
    }

    fn read(self, id: u32, url: String) {
        self.send(ImageCommand::Read {
            id,
            url,
            settings: Box::new(self.settings.get_untracked()),
        });
    }

    /// Has every image read anew: by another rule, or by another worker.
    fn read_again(self) {
        let mut again = Vec::new();
        self.gallery.update(|gallery| {
            for (id, own) in &mut gallery.own {
                match (&own.url, &own.seen) {
                    (Some(url), _) => {
                        own.state = OwnState::Reading;
                        again.push((*id, Ok(url.clone())));
                    }
                    (None, Some(seen)) => again.push((*id, Err(seen.pixels.clone()))),
                    (None, None) => {}
                }
            }
        });
        for (id, what) in again {
            match what {
                Ok(url) => self.read(id, url),
                Err(pixels) => self.send(ImageCommand::Take { id, pixels }),
            }
        }
    }

    /// Adds one image of every kind that the page can make.
    pub fn add_made(self) {
        let seed = self.made.get_value() + 1;
        self.made.set_value(seed);
        for made in Made::ALL {
            if self.gallery.with_untracked(|g| g.own.len()) >= MOST {
                return;
            }
            let mut id = 0;
            self.gallery
                .update(|g| id = g.add(format!("made: {} {seed}", made.name()), None));
            let pixels = made.image(seed).pixels;
            self.send(ImageCommand::Take { id, pixels });
        }
    }

    /// Takes images away.
    pub fn close(self, ids: Vec<u32>) {
        self.gallery.update(|gallery| {
            for id in &ids {
                if let Some(url) = gallery.own.remove(id).and_then(|own| own.url) {
                    // An address that is gone already is no loss.
                    let _ = Url::revoke_object_url(&url);
                }
            }
        });
        self.send(ImageCommand::Close { ids });
    }
}

/// The shared handles.
pub fn use_studio() -> Studio {
    expect_context()
}
