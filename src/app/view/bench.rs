//! What the Compare page knows and does: up to four runs on one data set, one seed and one device.
//!
//! Invariant: columns agree in every shared setting and play together; the address holds all of them.

use super::address::{Address, Entry};
use super::page::Page;
use super::state::State;
use super::wire::Canvases;
use crate::protocol::{Command, EVERY_LANE, Event};
use crate::settings::{
    Clock, FEWEST, Key, MOST, Notice, Preset, Settings, Setup, Size, TABLE, shared,
};
use leptos::prelude::*;

/// Handles to everything a comparison shares.
#[derive(Clone, Copy)]
pub struct Bench {
    /// A state for every lane, shown or not.
    lanes: StoredValue<Vec<State>>,
    /// How many of them are shown.
    count: RwSignal<usize>,
    clock: RwSignal<Clock>,
    /// Whether the worker's lanes have their canvases.
    started: RwSignal<bool>,
    /// Whether the visitor has neither named nor changed a setting yet.
    untouched: StoredValue<bool>,
}

impl Bench {
    /// A comparison as the address asks for, or the first one.
    pub fn provide(train: State) -> Self {
        let here = Page::now() == Page::Compare;
        let text = match here {
            true => Address::read(),
            false => String::new(),
        };
        let (setup, notices) = Setup::parse(&text);
        let itself = StoredValue::new(None);
        let rest = setup.columns.first().cloned().unwrap_or_default();
        let mut columns = setup.columns.clone();
        columns.resize(MOST, rest);
        let mut columns = columns.into_iter();
        let first = train.apart(columns.next().unwrap_or_default(), itself);
        let mut lanes = vec![first];
        lanes.extend((1..).zip(columns).map(|(lane, s)| first.beside(lane, s)));
        let bench = Self {
            lanes: StoredValue::new(lanes),
            count: RwSignal::new(setup.columns.len()),
            clock: RwSignal::new(setup.clock),
            started: RwSignal::new(false),
            untouched: StoredValue::new(text.is_empty()),
        };
        itself.set_value(Some(bench));
        if here {
            // So that it is not taken for news.
            let _ = first.news();
            first.note_all(notices);
        }
        provide_context(bench);
        bench
    }

    /// The state of the first column, which stands for the device.
    pub fn first(self) -> State {
        self.lane(0)
    }

    /// The state of a lane.
    pub fn lane(self, index: usize) -> State {
        self.lanes.with_value(|lanes| lanes[index])
    }

    /// Number of columns.
    pub fn count(self) -> usize {
        self.count.get()
    }

    /// The states of the columns.
    pub fn columns(self) -> Vec<State> {
        let count = self.count.get();
        self.lanes.with_value(|lanes| lanes[..count].to_vec())
    }

    pub fn clock(self) -> Clock {
        self.clock.get()
    }

    /// The comparison on show.
    pub fn setup(self) -> Setup {
        Setup {
            columns: self.columns().iter().map(|c| c.settings.get()).collect(),
            clock: self.clock.get(),
        }
    }

    fn setup_untracked(self) -> Setup {
        untrack(|| self.setup())
    }

    /// Whether any column trains.
    pub fn playing(self) -> bool {
        self.columns().iter().any(|c| c.run.with(|run| run.playing))
    }

    /// Sends every column a command.
    pub fn send(self, command: &Command) {
        for column in untrack(|| self.columns()) {
            column.send(command.clone());
        }
    }

    /// Play if resting, pause if playing.
    pub fn toggle_play(self) {
        let playing = untrack(|| self.playing());
        self.send(if playing {
            &Command::Pause
        } else {
            &Command::Play
        });
    }

    /// Starts a worker with a lane for each pair of canvases, ending the one before.
    pub fn start(self, canvases: Vec<Canvases>) {
        let fresh = !self.started.get_untracked();
        let first = self.first();
        first.make_eager(fresh || untrack(|| self.playing()));
        first.close();
        self.lanes.with_value(|lanes| {
            for lane in lanes {
                lane.run.update(crate::app::run::Run::lose_worker);
            }
        });
        self.started.set(true);
        first.open(canvases, move |events| self.absorb(events));
        first.send(Command::Clock(self.clock.get_untracked()));
    }

    fn absorb(self, events: Vec<(u8, Event)>) {
        let count = self.count.get_untracked();
        for (lane, event) in events {
            let only_once = matches!(event, Event::Stranded(_) | Event::Fault { .. });
            let lanes = match lane {
                EVERY_LANE if only_once => 0..1,
                EVERY_LANE => 0..count,
                lane => usize::from(lane)..usize::from(lane) + 1,
            };
            for lane in lanes.filter(|lane| *lane < count) {
                self.lane(lane).absorb(vec![event.clone()]);
            }
        }
    }

    /// Makes `next` the settings of a column, and what is shared those of all.
    pub fn adopt(self, lane: u8, next: Settings, entry: Option<Entry>) {
        let mut setup = self.setup_untracked();
        let index = usize::from(lane);
        if index >= setup.columns.len() {
            return;
        }
        let data = next.choice(Key::Dataset);
        for (i, column) in setup.columns.iter_mut().enumerate() {
            if i == index {
                *column = next.clone();
                continue;
            }
            if column.choice(Key::Dataset) != data {
                let method = column.choice(Key::Method);
                if let Some(preset) = Preset::of(data, method, column.preset().size()) {
                    let mut other = preset.settings();
                    for key in column.differences(&column.preset().settings()) {
                        if !shared(key) {
                            other.set(key, column.get(key));
                        }
                    }
                    *column = other;
                }
            }
            for row in TABLE.iter().filter(|row| shared(row.key)) {
                column.set(row.key, next.get(row.key));
            }
            column.points.clone_from(&next.points);
        }
        self.take(setup, entry);
    }

    /// Makes this the comparison on show.
    fn take(self, setup: Setup, entry: Option<Entry>) {
        if entry.is_some() {
            self.untouched.set_value(false);
        }
        self.first().publish(setup.print(), entry);
        let before = self.count.get_untracked();
        let count = setup.columns.len();
        if self.clock.get_untracked() != setup.clock {
            self.clock.set(setup.clock);
            self.first().send(Command::Clock(setup.clock));
        }
        for (index, settings) in setup.columns.into_iter().enumerate() {
            let lane = self.lane(index);
            lane.take(settings);
            if index >= before {
                lane.restore();
            }
        }
        for index in count..before {
            self.lane(index).send(Command::Pause);
        }
        self.count.set(count);
    }

    /// Keeps step by another clock.
    pub fn set_clock(self, clock: Clock) {
        let mut setup = self.setup_untracked();
        setup.clock = clock;
        self.take(setup, Some(Entry::New));
    }

    /// Adds a column with a method that is not there yet.
    pub fn add(self) {
        let mut setup = self.setup_untracked();
        if setup.columns.len() >= MOST {
            return;
        }
        let taken = |m: &str| setup.columns.iter().any(|c| c.choice(Key::Method) == m);
        let free = crate::settings::METHODS.iter().find(|m| !taken(m));
        if let Some(column) = free.and_then(|method| setup.column(method)) {
            setup.columns.push(column);
            self.take(setup, Some(Entry::New));
        }
    }

    /// Takes a column away.
    pub fn remove(self, index: usize) {
        let mut setup = self.setup_untracked();
        if setup.columns.len() > FEWEST && index < setup.columns.len() {
            setup.columns.remove(index);
            self.take(setup, Some(Entry::New));
        }
    }

    /// Another method in a column, at its preset.
    pub fn set_method(self, index: usize, method: &str) {
        let mut setup = self.setup_untracked();
        if let Some(column) = setup.column(method)
            && index < setup.columns.len()
        {
            setup.columns[index] = column;
            self.take(setup, Some(Entry::New));
        }
    }

    /// Smaller presets for a slow device, unless the visitor has chosen for themselves.
    pub fn settle_on_cpu(self, where_it_runs: &str) {
        let meaning = if self.untouched.get_value() {
            let mut setup = self.setup_untracked();
            for column in &mut setup.columns {
                *column = column.preset().sized(Size::Small).settings();
            }
            self.take(setup, None);
            self.untouched.set_value(true);
            "The comparison starts with smaller networks and fewer chains, so that it keeps moving."
        } else {
            "It is slower there."
        };
        self.first()
            .note(format!("{where_it_runs} {meaning}"), false);
    }

    /// Follows the address after "back", "forward" or an edit by hand.
    pub fn follow_address(self) {
        if let Some(text) = self.first().news() {
            let (setup, notices): (Setup, Vec<Notice>) = Setup::parse(&text);
            self.untouched.set_value(false);
            self.first().note_all(notices);
            self.take(setup, None);
        }
    }
}
