//! Settings as the fragment of a link: `v=1&preset=NAME&key=value…`, only what differs.
//!
//! Invariant: `parse(print(s)) = s` for every valid `s`, `print(s)` has at most [`MAX_LINK_BYTES`]
//! bytes, and `parse` accepts any text at all without panicking.

use super::{DEFAULT_PRESET, Key, Notice, Preset, Settings, points, shorten};

/// Longest fragment that [`print`] writes, drawn points included.
pub const MAX_LINK_BYTES: usize = 2000;

/// Longest text that [`parse`] looks at, and most notices it gives.
pub(super) const MAX_READ: usize = 16_384;
const MAX_NOTICES: usize = 12;

/// What a link said.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    pub settings: Settings,
    pub notices: Vec<Notice>,
}

/// The fragment, without `#`, that brings `settings` back.
pub fn print(settings: &Settings) -> String {
    let preset = settings.preset();
    let mut out = format!("v=1&preset={}", preset.name());
    let base = preset.settings();
    for key in settings.differences(&base) {
        out.push_str(&format!("&{}={}", key.row().name, settings.text(key)));
    }
    if !settings.points.is_empty() {
        out.push_str("&points=");
        out.push_str(&points::to_text(&settings.points));
    }
    out
}

/// Reads a fragment or query string, clamping values and collecting notices. Later keys win.
pub fn parse(text: &str) -> Parsed {
    let mut notices = Vec::new();
    let text = text.trim_start_matches(['#', '?']);
    let cut = text.floor_char_boundary(MAX_READ);
    let pairs = pairs(&text[..cut]);

    let named = pairs.iter().rev().find(|(name, _)| name == "preset");
    let preset = named.and_then(|(_, value)| Preset::by_name(value));
    if let (Some((_, value)), None) = (named, preset) {
        notices.push(Notice::UnknownPreset {
            name: shorten(value),
        });
    }
    let mut unknown = Vec::new();
    let mut settings = preset.unwrap_or(DEFAULT_PRESET).settings();
    for (name, value) in &pairs {
        match (name.as_str(), Key::by_name(name)) {
            ("preset", _) => {}
            ("v", _) if value == "1" => {}
            ("v", _) => notices.push(Notice::Version {
                asked: shorten(value),
            }),
            ("points", _) => match points::from_text(value) {
                Some(points) => settings.points = points,
                None => notices.push(Notice::Unreadable {
                    name: "points".into(),
                    asked: shorten(value),
                }),
            },
            (_, Some(key)) => notices.extend(settings.set_text(key, value).err()),
            (_, None) => unknown.push(name.as_str()),
        }
    }
    notices.extend(Notice::unknown(&unknown));
    let mut notices = few(notices);
    if cut < text.len() {
        notices.push(Notice::cut());
    }
    Parsed { settings, notices }
}

/// Names and values of a fragment, unescaped.
pub(super) fn pairs(text: &str) -> Vec<(String, String)> {
    let parts = text.split('&').filter(|part| !part.is_empty());
    let pair = |part: &str| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        (percent_decode(name), percent_decode(value))
    };
    parts.map(pair).collect()
}

/// At most [`MAX_NOTICES`], the last of which may stand for all that follow.
pub(super) fn few(mut notices: Vec<Notice>) -> Vec<Notice> {
    if notices.len() > MAX_NOTICES {
        let rest = notices.len() - (MAX_NOTICES - 1);
        notices.truncate(MAX_NOTICES - 1);
        notices.push(Notice::Cut {
            rest: format!("{rest} more parts of the link were changed or left out."),
        });
    }
    notices
}

/// Undoes `%41`-style escapes; what is no valid escape or no UTF-8 stays as it is.
fn percent_decode(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let hex = |b: u8| (b as char).to_digit(16);
        let escape = (bytes[i] == b'%' && i + 2 < bytes.len())
            .then(|| Some(hex(bytes[i + 1])? * 16 + hex(bytes[i + 2])?))
            .flatten();
        match escape {
            Some(byte) => {
                out.push(byte as u8);
                i += 3;
            }
            None => {
                out.push(bytes[i]);
                i += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, LINK_POINTS, TABLE, Value, presets, quantise};
    use super::*;
    use crate::rng::{Draws, Stream};

    /// A valid random value for every setting, and maybe points.
    fn random_settings(case: u64) -> Settings {
        let draws = Draws::new(case, Stream::Test, 0);
        let all: Vec<Preset> = presets().collect();
        let mut s = all[draws.below(0, all.len() as u32) as usize].settings();
        for (i, row) in TABLE.iter().enumerate() {
            let e = 1 + 2 * i as u32;
            if draws.uniform(e) < 0.5 {
                continue;
            }
            let u = f64::from(draws.uniform(e + 1));
            let value = match row.kind {
                Kind::Int { min, max } => Value::Int(min + ((max - min) as f64 * u) as i64),
                Kind::Float { min, max, .. } => Value::Float(min + (max - min) * u),
                Kind::Choice(options) => Value::Choice((u * options.len() as f64) as usize),
                Kind::Switch => Value::Switch(u < 0.5),
            };
            s.set(row.key, value);
        }
        if draws.uniform(500) < 0.3 {
            let n = draws.below(501, LINK_POINTS as u32 + 1);
            let p: Vec<_> = (0..n)
                .map(|i| [draws.normal(600 + 2 * i), draws.normal(601 + 2 * i)])
                .collect();
            s.points = quantise(&p);
        }
        s
    }

    #[test]
    fn every_valid_settings_survives_its_link() {
        for case in 0..20_000 {
            let s = random_settings(case);
            let link = print(&s);
            let parsed = parse(&link);
            assert_eq!(parsed.settings, s, "{link}");
            assert!(parsed.notices.is_empty());
            assert!(link.len() <= MAX_LINK_BYTES, "{} bytes: {link}", link.len());
        }
    }

    #[test]
    fn the_longest_link_fits() {
        let mut s = presets().last().unwrap().settings();
        for row in TABLE {
            let value = match row.kind {
                Kind::Int { max, .. } => Value::Int(max - 1),
                Kind::Float { min, max, .. } => Value::Float(min + (max - min) / 3.0),
                Kind::Choice(options) => Value::Choice(options.len() - 1),
                Kind::Switch => Value::Switch(row.default == Value::Switch(false)),
            };
            s.set(row.key, value);
        }
        s.points = quantise(&vec![[1.234, -2.345]; LINK_POINTS]);
        assert!(print(&s).len() <= MAX_LINK_BYTES, "{}", print(&s).len());
    }

    /// A million links: mutations of good ones and plain noise.
    #[test]
    fn no_input_panics_and_every_result_is_valid() {
        const ALPHABET: &[u8] = b"=&%#?-_.0123456789aevpnstINFx\xc3\xa9\xf0\x9f";
        let seeds: Vec<String> = (0..64).map(|case| print(&random_settings(case))).collect();
        for case in 0..1_000_000u64 {
            let draws = Draws::new(case, Stream::Test, 1);
            let pick = draws.bits(0) as usize;
            let mut bytes = if pick.is_multiple_of(4) {
                Vec::new()
            } else {
                let seed = seeds[pick % seeds.len()].as_bytes();
                seed[..seed.len().min(160)].to_vec()
            };
            for m in 0..1 + draws.below(1, 12) {
                let at = draws.below(2 + 3 * m, bytes.len() as u32 + 1) as usize;
                let letter = ALPHABET[draws.below(3 + 3 * m, ALPHABET.len() as u32) as usize];
                match draws.below(4 + 3 * m, 3) {
                    0 if at < bytes.len() => bytes[at] = letter,
                    1 if at < bytes.len() => drop(bytes.remove(at)),
                    _ => bytes.insert(at, letter),
                }
            }
            let text = String::from_utf8_lossy(&bytes);
            let parsed = parse(&text);
            // Printing again must bring the same settings: whatever came in is valid now.
            if case % 16 == 0 {
                assert_eq!(
                    parse(&print(&parsed.settings)).settings,
                    parsed.settings,
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn wild_values_are_clamped_and_named() {
        let p = parse(
            "#v=1&steps=1e9&lr=-1&width=99999999999999999999&nonsense=3&sampler=nuts&clip=NaN",
        );
        assert_eq!(p.settings.int(Key::Steps), 200);
        assert_eq!(p.settings.float(Key::LearningRate), 1e-6);
        assert_eq!(p.settings.int(Key::Width), 256);
        assert_eq!(p.notices.len(), 6);
        let said: String = p.notices.iter().map(ToString::to_string).collect();
        assert!(said.contains("steps") && said.contains("\"nonsense\"") && said.contains("nuts"));
    }

    #[test]
    fn every_unknown_name_is_told_in_one_notice() {
        let text: String = (0..10).map(|i| format!("&wild{i}=1")).collect();
        let p = parse(&text);
        assert_eq!(p.notices.len(), 1);
        let said = p.notices[0].to_string();
        assert!(
            (0..10).all(|i| said.contains(&format!("\"wild{i}\""))),
            "{said}"
        );
        let many: String = (0..5000).map(|i| format!("&w{i}=1&steps=x")).collect();
        let p = parse(&many);
        assert_eq!(p.notices.len(), MAX_NOTICES + 1);
    }

    #[test]
    fn escapes_and_unknown_presets() {
        let p = parse("?preset=mars&sampler=%75la");
        assert_eq!(p.settings.choice(Key::Sampler), "ula");
        assert_eq!(p.notices.len(), 1);
    }
}
