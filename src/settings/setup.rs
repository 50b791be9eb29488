//! Several methods on one data set and one seed, and their link.
//!
//! Invariant: the columns of a [`Setup`] agree in every shared setting, there are [`FEWEST`] to
//! [`MOST`] of them, and `Setup::parse(s.print())` brings `s` back.

use super::link::{MAX_READ, few, pairs};
use super::{Group, Key, METHODS, Notice, Preset, Settings, Size, TABLE, points, shorten};
use serde::{Deserialize, Serialize};

/// Fewest and most columns.
pub const FEWEST: usize = 2;
pub const MOST: usize = 4;

/// What several runs on one device keep step by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Clock {
    /// The one with the fewest iterations goes next.
    #[default]
    Iterations,
    /// The one with the least training time goes next.
    Time,
}

impl Clock {
    /// The name that links use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Iterations => "iterations",
            Self::Time => "time",
        }
    }
}

/// A comparison: one run a column.
#[derive(Clone, Debug, PartialEq)]
pub struct Setup {
    pub columns: Vec<Settings>,
    pub clock: Clock,
}

/// The methods of a first visit: the three papers' and the one they most improve on.
const FIRST: [&str; MOST] = ["da-ebm", "dcd", "ddaebm", "pcd"];
const FIRST_DATA: &str = "8-gaussians";

impl Default for Setup {
    fn default() -> Self {
        let columns = FIRST
            .iter()
            .filter_map(|method| Preset::of(FIRST_DATA, method, Size::Standard));
        Self {
            columns: columns.map(Preset::settings).collect(),
            clock: Clock::default(),
        }
    }
}

/// Whether a setting is the same in every column: data, seed, measures and view.
pub fn shared(key: Key) -> bool {
    let group = matches!(key.row().group, Group::Data | Group::View);
    group || matches!(key, Key::Seed | Key::Grid | Key::Speed)
}

impl Setup {
    /// The size of all columns' presets; not every method has one of the papers' own.
    fn size(&self) -> Size {
        let sizes = || self.columns.iter().map(|column| column.preset().size());
        let papers = sizes().find(|size| *size == Size::Paper);
        papers.or(sizes().next()).unwrap_or(Size::Standard)
    }

    /// Makes a column of `method` from its preset and what the columns share.
    pub fn column(&self, method: &str) -> Option<Settings> {
        let first = self.columns.first()?;
        let data = first.choice(Key::Dataset);
        let mut settings = Preset::of(data, method, self.size())?.settings();
        share(first, &mut settings);
        Some(settings)
    }

    /// The fragment, without `#`, that brings the comparison back.
    pub fn print(&self) -> String {
        let Some(first) = self.columns.first() else {
            return "v=1".into();
        };
        let base = first.preset().settings();
        let size = match self.size() {
            Size::Standard => "",
            Size::Small => "&size=small",
            Size::Long => "&size=long",
            Size::Paper => "&size=paper",
        };
        let data = first.choice(Key::Dataset);
        let mut out = format!("v=1&data={data}{size}&clock={}", self.clock.name());
        for key in first.differences(&base) {
            if shared(key) && key != Key::Dataset {
                out += &format!("&{}={}", key.row().name, first.text(key));
            }
        }
        for column in &self.columns {
            out += &format!("&m={}", column.choice(Key::Method));
            let base = column.preset().sized(self.size()).settings();
            for key in column.differences(&base) {
                if !shared(key) && key != Key::Method {
                    out += &format!("~{}={}", key.row().name, column.text(key));
                }
            }
        }
        if !first.points.is_empty() {
            out += &format!("&points={}", points::to_text(&first.points));
        }
        out
    }

    /// Reads a fragment, clamping values and collecting notices.
    pub fn parse(text: &str) -> (Self, Vec<Notice>) {
        let whole = text.trim_start_matches(['#', '?']);
        let text = &whole[..whole.floor_char_boundary(MAX_READ)];
        let mut notices = Vec::new();
        if text.len() < whole.len() {
            notices.push(Notice::cut());
        }
        let pairs = pairs(text);
        let named = |name: &str| pairs.iter().rev().find(|(n, _)| n == name);
        let data = named("data").map_or(FIRST_DATA, |(_, value)| value);
        let mut unreadable = |name: &str, asked: &str| {
            notices.push(Notice::Unreadable {
                name: name.into(),
                asked: shorten(asked),
            });
        };
        let data = match Preset::of(data, FIRST[0], Size::Standard) {
            Some(_) => data,
            None => {
                unreadable("data", data);
                FIRST_DATA
            }
        };
        let size = match named("size").map_or("", |(_, value)| value) {
            "" => Size::Standard,
            "small" => Size::Small,
            "long" => Size::Long,
            "paper" => Size::Paper,
            other => {
                unreadable("size", other);
                Size::Standard
            }
        };
        let clock = match named("clock").map_or("", |(_, value)| value) {
            "" | "iterations" => Clock::Iterations,
            "time" => Clock::Time,
            other => {
                unreadable("clock", other);
                Clock::Iterations
            }
        };
        let mut asked: Vec<&str> = pairs
            .iter()
            .filter(|(name, _)| name == "m")
            .map(|(_, value)| value.as_str())
            .collect();
        if asked.len() > MOST {
            notices.push(Notice::Cut {
                rest: format!("A comparison has {MOST} columns at most; the others were left out."),
            });
            asked.truncate(MOST);
        }
        let mut columns: Vec<Settings> = asked
            .iter()
            .filter_map(|column| read_column(column, data, size, &mut notices))
            .collect();
        for method in FIRST {
            let there = |c: &Settings| c.choice(Key::Method) == method;
            if columns.len() < FEWEST.max(if asked.is_empty() { MOST } else { 0 })
                && !columns.iter().any(there)
            {
                columns.extend(Preset::of(data, method, size).map(Preset::settings));
            }
        }
        let mut setup = Self { columns, clock };
        setup.read_shared(&pairs, &mut notices);
        (setup, few(notices))
    }

    fn read_shared(&mut self, pairs: &[(String, String)], notices: &mut Vec<Notice>) {
        let Some((first, others)) = self.columns.split_first_mut() else {
            return;
        };
        let mut unknown = Vec::new();
        for (name, value) in pairs {
            match (name.as_str(), Key::by_name(name)) {
                ("data" | "size" | "clock" | "m", _) => {}
                ("v", _) if value == "1" => {}
                ("v", _) => notices.push(Notice::Version {
                    asked: shorten(value),
                }),
                ("points", _) => match points::from_text(value) {
                    Some(points) => first.points = points,
                    None => notices.push(Notice::Unreadable {
                        name: "points".into(),
                        asked: shorten(value),
                    }),
                },
                (_, Some(key)) if shared(key) => notices.extend(first.set_text(key, value).err()),
                _ => unknown.push(name.as_str()),
            }
        }
        notices.extend(Notice::unknown(&unknown));
        for other in others {
            share(first, other);
        }
    }
}

/// Gives `to` what columns share of `from`, data set apart.
fn share(from: &Settings, to: &mut Settings) {
    for row in TABLE.iter().filter(|row| shared(row.key)) {
        if row.key != Key::Dataset {
            to.set(row.key, from.get(row.key));
        }
    }
    to.points.clone_from(&from.points);
}

/// A column from its method and, behind `~`, what differs from the method's preset.
fn read_column(text: &str, data: &str, size: Size, notices: &mut Vec<Notice>) -> Option<Settings> {
    let mut parts = text.split('~');
    let method = parts.next().unwrap_or_default();
    let Some(preset) = Preset::of(data, method, size) else {
        notices.push(Notice::Unreadable {
            name: format!("m (one of {})", METHODS.join(", ")),
            asked: shorten(method),
        });
        return None;
    };
    let mut settings = preset.settings();
    let mut unknown = Vec::new();
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        match Key::by_name(name) {
            Some(key) if !shared(key) && key != Key::Method => {
                notices.extend(settings.set_text(key, value).err());
            }
            _ => unknown.push(name),
        }
    }
    notices.extend(Notice::unknown(&unknown));
    Some(settings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Draws, Stream};
    use crate::settings::{DATASETS, Kind, MAX_LINK_BYTES, Value};

    /// A comparison with random columns, some of whose settings differ from their presets.
    fn random(case: u64) -> Setup {
        let draws = Draws::new(case, Stream::Test, 7);
        let mut at = 0;
        let mut below = |n: usize| {
            at += 1;
            draws.below(at, n as u32) as usize
        };
        let data = DATASETS[below(DATASETS.len() - 1)];
        let size = [Size::Standard, Size::Small, Size::Long, Size::Paper][below(4)];
        let count = FEWEST + below(MOST - FEWEST + 1);
        let mut setup = Setup {
            columns: (0..count)
                .map(|_| {
                    let method = METHODS[below(METHODS.len())];
                    Preset::of(data, method, size).unwrap().settings()
                })
                .collect(),
            clock: [Clock::Iterations, Clock::Time][below(2)],
        };
        for c in 0..count {
            for _ in 0..below(3) {
                let row = &TABLE[below(TABLE.len())];
                if matches!(row.key, Key::Dataset | Key::Method) {
                    continue;
                }
                let value = match row.kind {
                    Kind::Int { min, max } => Value::Int(min + (max - min) / 3),
                    Kind::Float { min, max, .. } => Value::Float(min + (max - min) / 3.0),
                    Kind::Choice(options) => Value::Choice(options.len() - 1),
                    Kind::Switch => Value::Switch(row.default == Value::Switch(false)),
                };
                setup.columns[c].set(row.key, value);
            }
        }
        let (first, others) = setup.columns.split_first_mut().unwrap();
        for other in others {
            share(first, other);
        }
        setup
    }

    #[test]
    fn links_bring_comparisons_back() {
        for case in 0..3000 {
            let setup = random(case);
            let link = setup.print();
            let (back, notices) = Setup::parse(&link);
            assert_eq!(back, setup, "{link}");
            assert!(notices.is_empty(), "{link}: {notices:?}");
            assert!(link.len() <= MAX_LINK_BYTES);
        }
        let (first, notices) = Setup::parse("");
        assert_eq!((first, notices.len()), (Setup::default(), 0));
    }

    #[test]
    fn any_text_gives_a_valid_comparison() {
        let (setup, notices) = Setup::parse(
            "#v=2&data=mars&size=huge&clock=sun&seed=-1&steps=1e9&nonsense&m=dcd~tau=1e9~seed=4&m=gan&m=cd",
        );
        let methods: Vec<_> = setup
            .columns
            .iter()
            .map(|c| c.choice(Key::Method))
            .collect();
        assert_eq!(methods, ["dcd", "cd"]);
        assert_eq!(setup.columns[0].float(Key::Tau), 16.0);
        assert!(setup.columns.iter().all(|c| c.int(Key::Seed) == 0));
        assert!(notices.len() > 6, "{notices:?}");
        let long = format!("m=cd&m=pcd&{}", "steps=7&".repeat(3000));
        let (_, notices) = Setup::parse(&long);
        assert!(notices[0].to_string().contains("its end was not read"));
        for case in 0..100_000u64 {
            let link = random(case % 50).print();
            let mut bytes = link.into_bytes();
            let draws = Draws::new(case, Stream::Test, 8);
            for m in 0..1 + draws.below(0, 6) {
                let at = draws.below(1 + 2 * m, bytes.len() as u32) as usize;
                bytes[at] = b"&=~#%m-.09az\xc3"[draws.below(2 + 2 * m, 13) as usize];
            }
            let text = String::from_utf8_lossy(&bytes);
            let (setup, _) = Setup::parse(&text);
            assert!((FEWEST..=MOST).contains(&setup.columns.len()), "{text}");
            if case % 16 == 0 {
                assert_eq!(Setup::parse(&setup.print()).0, setup, "{text}");
            }
        }
    }

    #[test]
    fn a_new_column_takes_what_is_shared() {
        let (mut setup, _) = Setup::parse("data=two-moons&size=small&seed=9&t=2&m=cd&m=pcd");
        let column = setup.column("dcd").unwrap();
        assert_eq!(column.choice(Key::Dataset), "two-moons");
        assert_eq!((column.int(Key::Seed), column.int(Key::Width)), (9, 64));
        setup.columns.push(column);
        assert_eq!(Setup::parse(&setup.print()).0, setup);
    }
}
