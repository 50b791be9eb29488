//! What the Compare page knows and does: up to four runs on one data set, one seed and one device.
//!
//! Invariant: columns agree in every shared setting and play together; the address holds all of them.

use super::address::{Address, Entry};
use super::page::Page;
use super::state::{State, with_points};
use super::wire::Canvases;
use crate::app::run::Run;
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
    /// The lanes shown, from left to right.
    order: RwSignal<Vec<usize>>,
    clock: RwSignal<Clock>,
    /// Whether the worker's lanes have their canvases.
    started: StoredValue<bool>,
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
        let (mut setup, notices) = Setup::parse(&text);
        for column in &mut setup.columns {
            *column = with_points(column.clone());
        }
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
            order: RwSignal::new((0..setup.columns.len()).collect()),
            clock: RwSignal::new(setup.clock),
            started: StoredValue::new(false),
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
        self.order.with(Vec::len)
    }

    /// Where a lane stands among the columns, if it is shown.
    pub fn place(self, lane: usize) -> Option<usize> {
        self.order
            .with(|order| order.iter().position(|l| *l == lane))
    }

    /// The states of the columns.
    pub fn columns(self) -> Vec<State> {
        self.order
            .with(|order| order.iter().map(|lane| self.lane(*lane)).collect())
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

    /// Whether any column draws samples and runs long chains.
    pub fn sampling(self) -> bool {
        self.columns()
            .iter()
            .any(|c| c.run.with(|run| run.comparing))
    }

    /// Samples and long chains in every column, or an end of them.
    pub fn sample(self) {
        let (to, command) = match untrack(|| self.sampling()) {
            true => (Run::stop_comparing as fn(&mut Run), Command::StopCompare),
            false => (Run::compare as fn(&mut Run), Command::Compare),
        };
        for column in untrack(|| self.columns()) {
            column.run.update(to);
            column.send(command.clone());
        }
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
        let fresh = !self.started.get_value();
        let first = self.first();
        first.make_eager(fresh || untrack(|| self.playing()));
        first.close();
        self.lanes.with_value(|lanes| {
            for lane in lanes {
                lane.run.update(Run::lose_worker);
            }
        });
        self.started.set_value(true);
        first.open(canvases, None, move |events| self.absorb(events));
        first.send(Command::Clock(self.clock.get_untracked()));
    }

    fn absorb(self, events: Vec<(u8, Event)>) {
        for (lane, event) in events {
            let shown = self.order.get_untracked();
            let only_once = matches!(event, Event::Stranded(_) | Event::Fault { .. });
            let lanes: Vec<usize> = match lane {
                EVERY_LANE if only_once => shown[..1].to_vec(),
                EVERY_LANE => shown,
                lane => shown
                    .into_iter()
                    .filter(|l| *l == usize::from(lane))
                    .collect(),
            };
            for lane in lanes {
                self.lane(lane).absorb(vec![event.clone()]);
            }
        }
    }

    /// Makes `next` the settings of a column, and what is shared those of all.
    pub fn adopt(self, lane: u8, next: Settings, entry: Option<Entry>) {
        let Some(place) = untrack(|| self.place(usize::from(lane))) else {
            return;
        };
        let mut setup = self.setup_untracked();
        for column in &mut setup.columns {
            for row in TABLE.iter().filter(|row| shared(row.key)) {
                column.set(row.key, next.get(row.key));
            }
            column.points.clone_from(&next.points);
        }
        setup.columns[place] = next;
        let order = self.order.get_untracked();
        self.take(setup, order, entry);
    }

    /// Another data set in every column, which keeps what differs from its method's preset.
    pub fn set_data(self, data: &str) {
        let mut setup = self.setup_untracked();
        for column in &mut setup.columns {
            let before = column.preset();
            let Some(preset) = Preset::of(data, before.method(), before.size()) else {
                return;
            };
            let mut other = preset.settings();
            for key in column.differences(&before.settings()) {
                if key != Key::Dataset {
                    other.set(key, column.get(key));
                }
            }
            other.points.clone_from(&column.points);
            *column = other;
        }
        let order = self.order.get_untracked();
        self.take(setup, order, Some(Entry::New));
    }

    /// Makes this the comparison on show, each column on its lane of `order`.
    fn take(self, setup: Setup, order: Vec<usize>, entry: Option<Entry>) {
        if entry.is_some() {
            self.untouched.set_value(false);
        }
        self.first().publish(setup.print(), entry);
        if self.clock.get_untracked() != setup.clock {
            self.clock.set(setup.clock);
            self.first().send(Command::Clock(setup.clock));
        }
        let before = self.order.get_untracked();
        let playing = untrack(|| self.playing());
        for (lane, settings) in order.iter().zip(setup.columns) {
            let state = self.lane(*lane);
            state.take(with_points(settings));
            if !before.contains(lane) {
                state.restore(playing);
            }
        }
        for lane in before.iter().filter(|lane| !order.contains(lane)) {
            let state = self.lane(*lane);
            state.send(Command::Pause);
            state.send(Command::StopCompare);
            // Nobody listens to a lane that is not shown.
            state.run.update(Run::stop_comparing);
        }
        self.order.set(order);
    }

    /// The same with columns on the lanes that they have, or the first free ones.
    fn take_all(self, setup: Setup, entry: Option<Entry>) {
        let mut order = self.order.get_untracked();
        order.truncate(setup.columns.len());
        let mut free = (0..MOST)
            .filter(|lane| !order.contains(lane))
            .collect::<Vec<_>>();
        free.truncate(setup.columns.len() - order.len());
        order.extend(free);
        self.take(setup, order, entry);
    }

    /// Keeps step by another clock.
    pub fn set_clock(self, clock: Clock) {
        let mut setup = self.setup_untracked();
        setup.clock = clock;
        self.take_all(setup, Some(Entry::New));
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
            self.take_all(setup, Some(Entry::New));
        }
    }

    /// Takes a lane's column away; the others go on.
    pub fn remove(self, lane: usize) {
        let mut setup = self.setup_untracked();
        let mut order = self.order.get_untracked();
        let place = order.iter().position(|l| *l == lane);
        if let Some(place) = place.filter(|_| order.len() > FEWEST) {
            setup.columns.remove(place);
            order.remove(place);
            self.take(setup, order, Some(Entry::New));
        }
    }

    /// Another method in a lane's column, at its preset.
    pub fn set_method(self, lane: usize, method: &str) {
        let mut setup = self.setup_untracked();
        let place = untrack(|| self.place(lane));
        if let (Some(column), Some(place)) = (setup.column(method), place) {
            setup.columns[place] = column;
            self.take_all(setup, Some(Entry::New));
        }
    }

    /// Smaller presets for a slow device, unless the visitor has chosen for themselves.
    pub fn settle_on_cpu(self, where_it_runs: &str) {
        let meaning = if self.untouched.get_value() {
            let mut setup = self.setup_untracked();
            for column in &mut setup.columns {
                *column = column.preset().sized(Size::Small).settings();
            }
            self.take_all(setup, None);
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
            let (mut setup, notices): (Setup, Vec<Notice>) = Setup::parse(&text);
            let software = |run: &Run| run.lab.as_ref().is_some_and(|lab| lab.software);
            if text.is_empty() && self.first().run.with_untracked(software) {
                // Back at the first visit.
                for column in &mut setup.columns {
                    *column = column.preset().sized(Size::Small).settings();
                }
            }
            self.untouched.set_value(false);
            self.first().note_all(notices);
            self.take_all(setup, None);
        }
    }
}
