//! What the page knows and does: settings, run, notices, lens, and the line to the worker.
//!
//! Invariant: settings change only through [`State::adopt`], so worker, address and controls never
//! disagree; the run changes only by folding events.

use super::address::{Address, Entry};
use super::bench::Bench;
use super::browser;
use super::page::Page;
use super::wire::{Canvases, Wire};
use crate::app::lens::Lens;
use crate::app::run::{Outcome, Run};
use crate::app::words;
use crate::protocol::{Camera, Command, Event, WhyCpu};
use crate::settings::{
    Applies, CPU_PRESET, Key, Kind, Notice, Preset, Settings, TABLE, Value, parse, print, quantise,
};
use leptos::prelude::*;
use web_sys::OffscreenCanvas;

/// Most notices shown at once; older ones make room.
const NOTES: usize = 6;

/// A sentence for the visitor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub id: u64,
    pub text: String,
    pub warning: bool,
}

/// Sizes of the two canvases in device pixels; zero before they are laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    pub plane: [u32; 2],
    pub strip: [u32; 2],
}

/// Handles to everything the views share.
#[derive(Clone, Copy)]
pub struct State {
    pub settings: RwSignal<Settings>,
    pub run: RwSignal<Run>,
    pub notes: RwSignal<Vec<Note>>,
    /// The newest sentence, for the live region.
    pub said: RwSignal<String>,
    pub fault: RwSignal<Option<String>>,
    pub lens: RwSignal<Lens>,
    pub sizes: RwSignal<Sizes>,
    /// Counts the workers started; each needs canvases of its own.
    pub generation: RwSignal<u32>,
    /// Whether the visitor has neither named nor changed a setting yet.
    untouched: StoredValue<bool>,
    /// Why the GPU failed for good, so that every further worker runs on the CPU.
    stranded: StoredValue<Option<WhyCpu>>,
    /// Whether the next worker is to play at once.
    eager: StoredValue<bool>,
    /// The visitor's points, kept while another data set is on show.
    drawn: StoredValue<Vec<[f32; 2]>>,
    noted: StoredValue<u64>,
    wire: StoredValue<Option<Wire>, LocalStorage>,
    address: StoredValue<Address, LocalStorage>,
    /// The worker's lane that this run is on, and the comparison that it is a column of.
    lane: u8,
    bench: StoredValue<Option<Bench>>,
}

impl State {
    /// Reads the address and makes the state that [`use_state`] gives.
    pub fn provide() -> Self {
        let mut address = Address::default();
        let text = match Page::now() {
            Page::Train | Page::Lab => address.news().unwrap_or_default(),
            // The address is not that of a run.
            Page::Compare | Page::Sample | Page::Score => String::new(),
        };
        let parsed = parse(&text);
        let state = Self {
            settings: RwSignal::new(with_points(parsed.settings)),
            run: RwSignal::default(),
            notes: RwSignal::default(),
            said: RwSignal::default(),
            fault: RwSignal::default(),
            lens: RwSignal::default(),
            sizes: RwSignal::default(),
            generation: RwSignal::new(0),
            untouched: StoredValue::new(text.is_empty()),
            stranded: StoredValue::new(None),
            eager: StoredValue::new(false),
            drawn: StoredValue::default(),
            noted: StoredValue::new(0),
            wire: StoredValue::new_local(None),
            address: StoredValue::new_local(address),
            lane: 0,
            bench: StoredValue::new(None),
        };
        state.note_all(parsed.notices);
        provide_context(state);
        state
    }

    /// The state of a comparison's column: notices and device are shared with the others, `self` is
    /// one of them.
    pub fn beside(self, lane: u8, settings: Settings) -> Self {
        Self {
            settings: RwSignal::new(settings),
            run: RwSignal::default(),
            sizes: RwSignal::default(),
            drawn: StoredValue::default(),
            lane,
            ..self
        }
    }

    /// The first column of a comparison: a worker, a lens and an address of its own.
    pub fn apart(self, settings: Settings, bench: StoredValue<Option<Bench>>) -> Self {
        Self {
            lens: RwSignal::default(),
            fault: RwSignal::default(),
            generation: RwSignal::new(0),
            untouched: StoredValue::new(false),
            stranded: StoredValue::new(None),
            eager: StoredValue::new(false),
            wire: StoredValue::new_local(None),
            address: StoredValue::new_local(Address::default()),
            bench,
            ..self.beside(0, settings)
        }
    }

    /// The link of what is on show.
    pub fn link(self) -> String {
        match self.bench.get_value() {
            Some(bench) => bench.setup().print(),
            None => self.settings.with(print),
        }
    }

    /// Starts a worker on fresh canvases, ending the one before.
    pub fn start(self, canvases: Canvases) {
        let play = self
            .run
            .with_untracked(|run| run.playing || run.started.is_none());
        self.eager.set_value(play);
        self.wire.set_value(None);
        self.run.update(Run::lose_worker);
        let absorb = move |events: Vec<(u8, Event)>| {
            self.absorb(events.into_iter().map(|(_, event)| event).collect());
        };
        self.open(vec![canvases], None, absorb);
    }

    /// Starts a worker with a lane for each of `canvases`, and a canvas for images.
    pub fn open(
        self,
        canvases: Vec<Canvases>,
        images: Option<OffscreenCanvas>,
        absorb: impl Fn(Vec<(u8, Event)>) + 'static,
    ) {
        let asked = Address::wants_cpu().then_some(WhyCpu::Asked);
        match Wire::start(
            canvases,
            images,
            self.stranded.get_value().or(asked),
            absorb,
        ) {
            Ok(wire) => self.wire.set_value(Some(wire)),
            Err(message) => self.fault.set(Some(message)),
        }
    }

    /// Ends the worker.
    pub fn close(self) {
        self.wire.set_value(None);
    }

    /// Whether the next worker is to play at once.
    pub fn make_eager(self, play: bool) {
        self.eager.set_value(play);
    }

    /// Asks for fresh canvases, and by them for a fresh worker.
    pub fn restart(self) {
        self.fault.set(None);
        self.generation.update(|n| *n += 1);
    }

    /// Tells a worker that has opened its device what to do: to go on from the last checkpoint if
    /// there is one.
    fn order(self) {
        self.send_sizes();
        if let Some(bytes) = self.run.with_untracked(|run| run.checkpoint.clone()) {
            self.send(Command::Resume(bytes));
        }
        self.send(Command::Configure(Box::new(self.settings.get_untracked())));
        // The visitor may have gone to the other page while the device opened.
        if self.eager.get_value() && self.on_show() {
            self.send(Command::Play);
        }
    }

    /// Tells the worker everything about a column that it has not seen for a while.
    pub fn restore(self, play: bool) {
        self.send_sizes();
        self.send(Command::Configure(Box::new(self.settings.get_untracked())));
        if play {
            self.send(Command::Play);
        }
    }

    fn send_sizes(self) {
        self.send(Command::Camera(self.camera()));
        let [width, height] = self.sizes.get_untracked().strip;
        if width > 0 {
            self.send(Command::StripSize { width, height });
        }
    }

    /// Whether the page that this run belongs to is on show.
    fn on_show(self) -> bool {
        match Page::now() {
            Page::Compare => self.bench.with_value(Option::is_some),
            Page::Train | Page::Lab => self.bench.with_value(Option::is_none),
            Page::Sample | Page::Score => false,
        }
    }

    /// What the large canvas shows now.
    pub fn camera(self) -> Camera {
        let Lens { centre, half } = self.lens.get_untracked();
        let [width, height] = self.sizes.get_untracked().plane.map(|side| side.max(1));
        Camera {
            centre,
            half,
            width,
            height,
        }
    }

    /// Sends a command to the worker.
    pub fn send(self, command: Command) {
        self.wire.with_value(|wire| {
            if let Some(wire) = wire {
                wire.send(self.lane, command);
            }
        });
    }

    /// A notice of this run: of a comparison's columns, it says which one's it is.
    fn signed(self, text: String) -> String {
        let method = |s: &Settings| words::method(s.choice(Key::Method)).0;
        match self.bench.with_value(Option::is_some) {
            true => format!("{}: {text}", self.settings.with_untracked(method)),
            false => text,
        }
    }

    pub fn absorb(self, events: Vec<Event>) {
        let mut outcomes = Vec::new();
        self.run.update(|run| {
            outcomes.extend(events.into_iter().filter_map(|event| run.apply(event)));
        });
        for outcome in outcomes {
            match outcome {
                Outcome::Say(text) => self.note(self.signed(text), false),
                Outcome::Warn(text) => self.note(self.signed(text), true),
                Outcome::Fault(message) => self.fault.set(Some(message)),
                Outcome::Save { name, bytes } => {
                    self.save(&name, &bytes, "application/octet-stream");
                }
                Outcome::Follow(settings) => self.adopt(*settings, Some(Entry::New)),
                Outcome::Opened { software, why_cpu } => {
                    if software {
                        self.settle_on_cpu(why_cpu.as_ref());
                    }
                    self.order();
                }
                Outcome::Stranded(why) => {
                    self.note(
                        format!(
                            "The run goes on on the CPU, because {}.",
                            words::why_cpu(&why)
                        ),
                        true,
                    );
                    self.strand(why);
                }
            }
        }
    }

    /// Starts another worker, on the CPU for good.
    pub fn strand(self, why: WhyCpu) {
        self.stranded.set_value(Some(why));
        self.restart();
    }

    /// Smaller defaults for a slow device, unless the visitor has chosen for themselves.
    fn settle_on_cpu(self, why: Option<&WhyCpu>) {
        if self.stranded.with_value(Option::is_some) {
            return;
        }
        let where_it_runs = words::on_cpu(why);
        if let Some(bench) = self.bench.get_value() {
            return bench.settle_on_cpu(&where_it_runs);
        }
        let meaning = if self.untouched.get_value() {
            self.adopt(CPU_PRESET.settings(), None);
            "It starts with a simple density, a smaller network and fewer chains, so that it keeps moving."
        } else {
            "It is slower there."
        };
        self.note(format!("{where_it_runs} {meaning}"), false);
    }

    /// Hands the visitor a file, or says why not.
    pub fn save(self, name: &str, bytes: &[u8], mime: &str) {
        if let Err(error) = browser::save(name, bytes, mime) {
            let why = crate::thrown::message_of(&error);
            self.note(format!("The file could not be saved: {why}."), true);
        }
    }

    /// Shows a sentence, and reads it out.
    pub fn note(self, text: String, warning: bool) {
        self.say(&text);
        let id = self.noted.get_value() + 1;
        self.noted.set_value(id);
        self.notes.update(|notes| {
            notes.retain(|note| note.text != text);
            if notes.len() == NOTES {
                notes.remove(0);
            }
            notes.push(Note { id, text, warning });
        });
    }

    /// All in one, if they would not fit one by one.
    pub fn note_all(self, notices: Vec<Notice>) {
        let texts: Vec<String> = notices.iter().map(Notice::to_string).collect();
        if texts.len() < NOTES {
            texts.into_iter().for_each(|text| self.note(text, false));
        } else {
            self.note(texts.join(" "), false);
        }
    }

    /// Reads a sentence out without showing it.
    pub fn say(self, text: &str) {
        self.said.set(text.to_owned());
    }

    /// Makes `next` the settings everywhere: controls, worker, and the address if `entry` says how.
    pub fn adopt(self, next: Settings, entry: Option<Entry>) {
        if let Some(bench) = self.bench.get_value() {
            return bench.adopt(self.lane, next, entry);
        }
        if entry.is_some() {
            self.untouched.set_value(false);
        }
        self.publish(print(&next), entry);
        self.take(next);
    }

    /// Writes the address.
    pub fn publish(self, text: String, entry: Option<Entry>) {
        if !self.on_show() {
            return;
        }
        match entry {
            Some(Entry::New) => self
                .address
                .update_value(|address| address.write(text, Entry::New)),
            Some(Entry::Same) => Address::write_soon(self.address, text),
            None => {}
        }
    }

    /// Makes `next` the settings of controls and worker.
    pub fn take(self, next: Settings) {
        if self.settings.with_untracked(|now| *now != next) {
            if !lacks_points(&next) {
                self.send(Command::Configure(Box::new(next.clone())));
            }
            self.settings.set(next);
        }
    }

    /// Sets one value, clamped into its range.
    pub fn set(self, key: Key, value: Value) {
        let mut next = self.settings.get_untracked();
        next.set(key, value);
        self.adopt(next, Some(entry(key)));
    }

    /// Sets one value from what was typed, saying what was wrong with it.
    pub fn set_text(self, key: Key, text: &str) {
        match key {
            Key::Dataset => {
                let method = |s: &Settings| (s.choice(Key::Method), s.preset().size());
                let (method, size) = self.settings.with_untracked(method);
                self.load(Preset::of(text, method, size));
            }
            Key::Method => {
                let data = |s: &Settings| (s.choice(Key::Dataset), s.preset().size());
                let (data, size) = self.settings.with_untracked(data);
                self.load(Preset::of(data, text, size));
            }
            _ => {
                let mut next = self.settings.get_untracked();
                if let Err(notice) = next.set_text(key, text) {
                    self.note(notice.to_string(), false);
                }
                self.adopt(next, Some(entry(key)));
            }
        }
    }

    /// Loads a preset, keeping the seed, the points and the view.
    pub fn load(self, preset: Option<Preset>) {
        let Some(preset) = preset else {
            return;
        };
        let now = self.settings.get_untracked();
        let mut next = preset.settings();
        for row in TABLE {
            if row.key == Key::Seed || row.applies == Applies::View {
                next.set(row.key, now.get(row.key));
            }
        }
        if !next.relevant(Key::Level) {
            next.set(Key::Level, Value::Int(0));
        }
        if !now.points.is_empty() {
            self.drawn.set_value(now.points);
        }
        if preset.dataset() == "points" {
            next.points = self.drawn.get_value();
        }
        self.adopt(with_points(next), Some(Entry::New));
    }

    /// Makes these the visitor's own points.
    pub fn set_points(self, points: &[[f32; 2]]) {
        let mut next = self.settings.get_untracked();
        next.points = quantise(points);
        self.adopt(next, Some(Entry::Same));
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
            let parsed = parse(&text);
            let software = |run: &Run| run.lab.as_ref().is_some_and(|lab| lab.software);
            let next = match text.is_empty() && self.run.with_untracked(software) {
                // Back at the first visit.
                true => CPU_PRESET.settings(),
                false => parsed.settings,
            };
            self.untouched.set_value(false);
            self.note_all(parsed.notices);
            self.adopt(with_points(next), None);
        }
    }

    /// Play if resting, pause if playing.
    pub fn toggle_play(self) {
        let playing = self.run.with_untracked(|run| run.playing);
        self.send(if playing {
            Command::Pause
        } else {
            Command::Play
        });
    }
}

/// The shared state.
pub fn use_state() -> State {
    expect_context()
}

/// Choices that start a new run are steps for "back" to undo; the rest are adjustments.
fn entry(key: Key) -> Entry {
    let row = key.row();
    let discrete = matches!(row.kind, Kind::Choice(_) | Kind::Switch);
    if discrete && row.applies == Applies::OnReset {
        Entry::New
    } else {
        Entry::Same
    }
}

/// A run on no points has no truth, so there is nothing to configure until one is drawn.
fn lacks_points(settings: &Settings) -> bool {
    settings.choice(Key::Dataset) == "points" && settings.points.is_empty()
}

/// Settings on own points that come without any get a wave to start from.
pub fn with_points(mut settings: Settings) -> Settings {
    if lacks_points(&settings) {
        let wave: Vec<[f32; 2]> = (0..48)
            .map(|i| {
                let x = i as f32 / 47.0 * 6.0 - 3.0;
                [x, 1.8 * (1.4 * x).sin()]
            })
            .collect();
        settings.points = quantise(&wave);
    }
    settings
}
