//! Everything a visitor can set, as one typed table and the codecs driven by it.
//!
//! Invariant: a [`Settings`] always holds a valid value for every key. Parsing clamps and reports;
//! it never fails and never panics.

mod images;
mod link;
mod points;
mod preset;
mod setup;
mod table;

pub use images::{IMAGE_SAMPLERS, IMAGE_TABLE, ImageKey, ImageRow, ImageSettings};
pub use link::{MAX_LINK_BYTES, Parsed, parse, print};
pub use points::{EXTENT, LINK_POINTS, parse_csv, quantise};
pub use preset::{CPU_PRESET, DEFAULT_PRESET, PAPERS, Preset, Size, presets};
pub use setup::{Clock, FEWEST, MOST, Setup, shared};
pub use table::{Applies, DATASETS, For, Group, Key, Kind, METHODS, Row, TABLE, Value};

use serde::{Deserialize, Serialize};
use std::fmt;

/// A value for every setting, the preset it started from, and the visitor's own points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    preset: Preset,
    values: Vec<Value>,
    /// The visitor's points, in data coordinates; used by the data set `points`.
    pub points: Vec<[f32; 2]>,
}

/// Something the visitor should be told about what they asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Notice {
    /// The value was outside its range and the nearest allowed one is used.
    Clamped {
        name: String,
        asked: String,
        used: String,
    },
    /// The value could not be read; the preset's stays.
    Unreadable {
        name: String,
        asked: String,
    },
    /// No setting has these names.
    Unknown {
        names: String,
    },
    UnknownPreset {
        name: String,
    },
    /// The link is of a version this build does not know.
    Version {
        asked: String,
    },
    /// Points were dropped or moved to fit.
    Points {
        problem: String,
    },
    /// The text goes on beyond what is read, or had more faults than are told.
    Cut {
        rest: String,
    },
}

/// Most unknown names in one notice.
const MAX_NAMES: usize = 12;

impl Notice {
    /// One notice for all unknown names, if there are any.
    fn unknown(names: &[&str]) -> Option<Self> {
        let quoted = |name: &&str| format!("{:?}", shorten(name));
        let told: Vec<String> = names.iter().take(MAX_NAMES).map(quoted).collect();
        let names = match names.len().checked_sub(MAX_NAMES) {
            None | Some(0) => told.join(" or "),
            Some(more) => format!("{}, or {more} other names", told.join(", ")),
        };
        (!told.is_empty()).then_some(Self::Unknown { names })
    }

    /// Of a link whose end was not read.
    fn cut() -> Self {
        let most = link::MAX_READ;
        Self::Cut {
            rest: format!("The link is longer than {most} bytes; its end was not read."),
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clamped { name, asked, used } => {
                write!(f, "{name} = {asked} is outside its range; using {used}.")
            }
            Self::Unreadable { name, asked } => {
                write!(
                    f,
                    "{name} = {asked:?} could not be read; keeping the preset's value."
                )
            }
            Self::Unknown { names } => write!(f, "There is no setting called {names}; ignored."),
            Self::UnknownPreset { name } => {
                write!(
                    f,
                    "There is no preset called {name:?}; using the first one."
                )
            }
            Self::Version { asked } => {
                write!(f, "This link is of version {asked:?}; read as version 1.")
            }
            Self::Points { problem } | Self::Cut { rest: problem } => f.write_str(problem),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        DEFAULT_PRESET.settings()
    }
}

impl Settings {
    /// The table's defaults under `preset`'s name. Presets build on this.
    fn defaults(preset: Preset) -> Self {
        Self {
            preset,
            values: TABLE.iter().map(|row| row.default).collect(),
            points: Vec::new(),
        }
    }

    /// The preset that the link names its differences from.
    pub fn preset(&self) -> Preset {
        self.preset
    }

    /// The value of `key`.
    pub fn get(&self, key: Key) -> Value {
        self.values[key as usize]
    }

    /// Sets `key`, clamped into its range; a value of the wrong kind is ignored. Returns what is
    /// used now.
    pub fn set(&mut self, key: Key, value: Value) -> Value {
        if let Some(value) = clamp(key.row().kind, value) {
            self.values[key as usize] = value;
        }
        self.get(key)
    }

    /// The value of a whole-number setting; 0 for other kinds.
    pub fn int(&self, key: Key) -> usize {
        match self.get(key) {
            Value::Int(v) => v as usize,
            _ => 0,
        }
    }

    /// The value of a real setting; 0 for other kinds.
    pub fn float(&self, key: Key) -> f64 {
        match self.get(key) {
            Value::Float(v) => v,
            _ => 0.0,
        }
    }

    /// Whether a switch is on.
    pub fn on(&self, key: Key) -> bool {
        self.get(key) == Value::Switch(true)
    }

    /// The name of the chosen option; empty for other kinds.
    pub fn choice(&self, key: Key) -> &'static str {
        match (self.get(key), key.row().kind) {
            (Value::Choice(index), Kind::Choice(options)) => options[index],
            _ => "",
        }
    }

    /// Sets `key` from text, clamping. `Err` says what was wrong; the setting then keeps its value
    /// (unreadable) or takes the nearest allowed one (clamped).
    pub fn set_text(&mut self, key: Key, text: &str) -> Result<(), Notice> {
        let row = key.row();
        settle(row.name, row.kind, text, |asked| self.set(key, asked))
    }

    /// The value of `key` as text, as links, JSON and the command line write it.
    pub fn text(&self, key: Key) -> String {
        write(key.row().kind, self.get(key))
    }

    /// Whether the setting has a meaning for the chosen data set, method and sampler.
    pub fn relevant(&self, key: Key) -> bool {
        if self.choice(Key::Method) == "dcd" {
            // Its diffusion goes from level to level, or for times of its own.
            match key {
                Key::Levels | Key::NoiseSchedule | Key::Level | Key::Generate => {
                    return self.on(Key::TimeInput);
                }
                Key::Tau | Key::TauLow => return !self.on(Key::TimeInput),
                _ => {}
            }
        }
        match key.row().belongs {
            For::All => true,
            For::Methods(names) => names.contains(&self.choice(Key::Method)),
            For::Datasets(names) => names.contains(&self.choice(Key::Dataset)),
            For::Samplers(names) => names.contains(&self.choice(Key::Sampler)),
        }
    }

    /// The loss, either way, beyond which a run has run away. Contrasts stay near zero; the minimum of
    /// score matching is minus half the data's Fisher information, hundreds for thin modes.
    pub fn loss_limit(&self) -> f32 {
        match (self.choice(Key::Method), self.choice(Key::Estimator)) {
            ("ssm", _) | ("dcd", "fp-stein" | "fp-noised" | "fp-clean" | "anti") => 1e5,
            _ => 100.0,
        }
    }

    /// Points at which one iteration evaluates the energy or its gradient, network passes counted
    /// once a point: what methods are compared at equal cost by.
    pub fn evaluations(&self) -> u64 {
        let batch = self.int(Key::Chains);
        let leaps = match self.choice(Key::Sampler) {
            "hmc" => self.int(Key::Leapfrog),
            _ => 1,
        };
        let walk = self.int(Key::Steps) * leaps;
        let ranked = 1 + self.int(Key::Negatives);
        let per_point = match self.choice(Key::Method) {
            "da-ebm" => {
                let jump = match self.choice(Key::Jump) {
                    "global" => self.int(Key::Levels) + 1,
                    "local" => 2,
                    _ => 0,
                };
                walk + jump + 2
            }
            "pcd" | "cd" | "short-run" | "drl" => walk + 2,
            "dcd" => match self.choice(Key::Estimator) {
                "exact" => ranked,
                "anti" => 3,
                // Two jets on top of the two energies.
                "fp-noised" | "fp-clean" => 4,
                _ => 2,
            },
            "energy-discrepancy" | "nce" => ranked,
            // Data and fakes, the penalty's gradient, and the fakes' for the generator; before that
            // the choice among proposals, and the steps after it.
            "ddaebm" => {
                let chosen = match self.int(Key::Proposals) {
                    0 => 0,
                    proposals => proposals + 1,
                };
                4 + chosen + self.int(Key::Correction)
            }
            _ => 1,
        };
        (batch * per_point) as u64
    }

    /// The keys whose values differ from `other`'s.
    pub fn differences(&self, other: &Self) -> Vec<Key> {
        TABLE
            .iter()
            .map(|row| row.key)
            .filter(|&key| self.get(key) != other.get(key))
            .collect()
    }

    /// Whether going from `self` to `next` needs a new run.
    pub fn needs_reset(&self, next: &Self) -> bool {
        let data_changed = next.choice(Key::Dataset) == "points" && self.points != next.points;
        data_changed
            || self
                .differences(next)
                .iter()
                .any(|key| key.row().applies == Applies::OnReset)
    }

    /// All settings as a JSON object of names and values, points included.
    pub fn to_json(&self) -> serde_json::Value {
        let mut object = serde_json::Map::new();
        object.insert("v".into(), 1.into());
        object.insert("preset".into(), self.preset.name().into());
        for row in TABLE {
            let value = match self.get(row.key) {
                Value::Int(v) => v.into(),
                Value::Float(v) => v.into(),
                Value::Switch(v) => v.into(),
                Value::Choice(_) => self.choice(row.key).into(),
            };
            object.insert(row.name.into(), value);
        }
        if !self.points.is_empty() {
            object.insert("points".into(), serde_json::json!(self.points));
        }
        object.into()
    }

    /// Reads what [`Settings::to_json`] wrote, or any part of it, clamping like a link.
    pub fn from_json(json: &serde_json::Value) -> (Self, Vec<Notice>) {
        let mut notices = Vec::new();
        let text = |v: &serde_json::Value| match v {
            serde_json::Value::String(s) => s.clone(),
            other => other.to_string(),
        };
        let named = json.get("preset").map(text);
        let preset = named.as_deref().and_then(Preset::by_name);
        if let (Some(name), None) = (&named, preset) {
            notices.push(Notice::UnknownPreset {
                name: shorten(name),
            });
        }
        let mut settings = preset.unwrap_or(DEFAULT_PRESET).settings();
        let mut unknown = Vec::new();
        for (name, value) in json.as_object().into_iter().flatten() {
            match (name.as_str(), Key::by_name(name)) {
                ("preset", _) => {}
                ("v", _) if *value == 1 => {}
                ("v", _) => notices.push(Notice::Version {
                    asked: shorten(&text(value)),
                }),
                ("points", _) => match serde_json::from_value::<Vec<[f32; 2]>>(value.clone()) {
                    Ok(points) => settings.points = points::tidy(points, &mut notices),
                    Err(error) => notices.push(Notice::Points {
                        problem: error.to_string(),
                    }),
                },
                (_, Some(key)) => notices.extend(settings.set_text(key, &text(value)).err()),
                (_, None) => unknown.push(name.as_str()),
            }
        }
        notices.extend(Notice::unknown(&unknown));
        (settings, notices)
    }
}

/// The nearest allowed value, or `None` for a value of another kind.
fn clamp(kind: Kind, value: Value) -> Option<Value> {
    match (kind, value) {
        (Kind::Int { min, max }, Value::Int(v)) => Some(Value::Int(v.clamp(min, max))),
        (Kind::Float { min, max, .. }, Value::Float(v)) if !v.is_nan() => {
            // Adding zero turns -0 into 0, which prints and compares as one value.
            Some(Value::Float(v.clamp(min, max) + 0.0))
        }
        (Kind::Choice(options), Value::Choice(i)) if i < options.len() => Some(value),
        (Kind::Switch, Value::Switch(_)) => Some(value),
        _ => None,
    }
}

/// Reads a value of `kind` without clamping it.
fn read(kind: Kind, text: &str) -> Option<Value> {
    let text = text.trim();
    match kind {
        Kind::Int { .. } => text.parse().ok().map(Value::Int).or_else(|| {
            // "1e9" and "20.0" are numbers to a person; saturate them rather than refuse.
            let v: f64 = text.parse().ok()?;
            (!v.is_nan()).then_some(Value::Int(v.round() as i64))
        }),
        Kind::Float { .. } => {
            let v: f64 = text.parse().ok()?;
            (!v.is_nan()).then_some(Value::Float(v + 0.0))
        }
        Kind::Choice(options) => options.iter().position(|o| *o == text).map(Value::Choice),
        Kind::Switch => match text {
            "on" | "true" | "1" => Some(Value::Switch(true)),
            "off" | "false" | "0" => Some(Value::Switch(false)),
            _ => None,
        },
    }
}

/// Sets a value from text by `set`, which clamps it and says what is used.
fn settle(
    name: &str,
    kind: Kind,
    text: &str,
    set: impl FnOnce(Value) -> Value,
) -> Result<(), Notice> {
    let asked = read(kind, text).ok_or_else(|| Notice::Unreadable {
        name: name.into(),
        asked: shorten(text),
    })?;
    let used = set(asked);
    match used == asked {
        true => Ok(()),
        false => Err(Notice::Clamped {
            name: name.into(),
            asked: shorten(text),
            used: write(kind, used),
        }),
    }
}

fn write(kind: Kind, value: Value) -> String {
    match (kind, value) {
        (Kind::Choice(options), Value::Choice(i)) => options[i].into(),
        (_, Value::Int(v)) => v.to_string(),
        (_, Value::Float(v)) => v.to_string(),
        (_, Value::Switch(v)) => if v { "on" } else { "off" }.into(),
        (_, Value::Choice(i)) => i.to_string(),
    }
}

/// At most 40 characters of what a visitor wrote, for a notice.
fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(40).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_its_keys_and_its_defaults_are_valid() {
        for (i, row) in TABLE.iter().enumerate() {
            assert_eq!(row.key as usize, i, "{}", row.name);
            assert_eq!(
                clamp(row.kind, row.default),
                Some(row.default),
                "{}",
                row.name
            );
            assert_eq!(Key::by_name(row.name), Some(row.key));
            assert!(!row.help.is_empty() && !row.label.is_empty());
        }
        let mut names: Vec<_> = TABLE.iter().map(|row| row.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TABLE.len());
    }

    #[test]
    fn json_round_trips() {
        let mut settings = Settings::default();
        settings.set(Key::Steps, Value::Int(7));
        settings.points = quantise(&[[1.0, 2.0], [-3.0, 0.5]]);
        let (back, notices) = Settings::from_json(&settings.to_json());
        assert_eq!(back, settings);
        assert!(notices.is_empty());
    }

    #[test]
    fn json_names_what_it_does_not_know() {
        let json = serde_json::json!({"steps": 1e9, "nonsense": 3, "lr": "fast"});
        let (settings, notices) = Settings::from_json(&json);
        assert_eq!(settings.int(Key::Steps), 200);
        assert_eq!(notices.len(), 3);
        let json = serde_json::json!({"v": 9, "preset": "no-such"});
        let (settings, notices) = Settings::from_json(&json);
        assert_eq!(settings, Settings::default());
        assert_eq!(notices.len(), 2);
    }

    #[test]
    fn evaluations_are_counted_by_method() {
        let of = |method: &str, changes: &[(Key, &str)]| {
            let preset = Preset::of("8-gaussians", method, Size::Standard).unwrap();
            let mut s = preset.settings();
            for (key, text) in changes {
                s.set_text(*key, text).unwrap();
            }
            s.evaluations() / s.int(Key::Chains) as u64
        };
        assert_eq!(of("da-ebm", &[]), 20 + 7 + 2);
        assert_eq!(of("da-ebm", &[(Key::Jump, "local")]), 24);
        assert_eq!(of("cd", &[]), 3);
        assert_eq!(of("pcd", &[(Key::Sampler, "hmc")]), 102);
        assert_eq!(of("dcd", &[]), 5);
        assert_eq!(of("dcd", &[(Key::Estimator, "anti")]), 3);
        assert_eq!(of("ddaebm", &[]), 4 + 17 + 5);
        let paper = [(Key::Proposals, "0"), (Key::Correction, "0")];
        assert_eq!(of("ddaebm", &paper), 4);
        assert_eq!(of("dsm", &[]), 1);
    }

    #[test]
    fn live_and_view_changes_need_no_reset() {
        let base = Settings::default();
        let mut next = base.clone();
        next.set(Key::LearningRate, Value::Float(1e-3));
        next.set(Key::Level, Value::Int(3));
        assert!(!base.needs_reset(&next));
        next.set(Key::Width, Value::Int(64));
        assert!(base.needs_reset(&next));
    }
}
