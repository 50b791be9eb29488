//! What a visitor can set about images: how samples are drawn, and how their own images are read.
//!
//! Invariant: as for the plane, an [`ImageSettings`] holds a valid value for every key, text is parsed by
//! clamping and reporting, and `parse(print(s))` brings `s` back.

use super::link::{MAX_READ, few, pairs};
use super::{Kind, Notice, Value, clamp, settle, shorten, write};
use serde::{Deserialize, Serialize};

/// Every setting of images, in the order of controls and links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum ImageKey {
    Sampler,
    Count,
    Seed,
    Interpolate,
    Second,
    Steps,
    StepSize,
    Start,
    Level,
    Transitions,
    Adjusted,
    Refine,
    Picture,
    Filter,
    Fit,
    Background,
    Noise,
}

/// One row of the table of images' settings.
#[derive(Clone, Copy, Debug)]
pub struct ImageRow {
    pub key: ImageKey,
    /// Name in links.
    pub name: &'static str,
    pub label: &'static str,
    pub kind: Kind,
    pub default: Value,
    pub unit: &'static str,
    pub help: &'static str,
    /// The samplers that it belongs to; all if there are none.
    pub samplers: &'static [&'static str],
}

/// Ways to draw samples.
pub const IMAGE_SAMPLERS: &[&str] = &["ancestral", "annealed", "langevin", "mixture", "generator"];

const fn row(
    key: ImageKey,
    name: &'static str,
    label: &'static str,
    kind: Kind,
    default: Value,
) -> ImageRow {
    ImageRow {
        key,
        name,
        label,
        kind,
        default,
        unit: "",
        help: "",
        samplers: &[],
    }
}

impl ImageRow {
    const fn help(self, help: &'static str) -> Self {
        Self { help, ..self }
    }

    const fn unit(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }

    const fn of(self, samplers: &'static [&'static str]) -> Self {
        Self { samplers, ..self }
    }
}

/// The table; `IMAGE_TABLE[key as usize].key == key`.
pub const IMAGE_TABLE: &[ImageRow] = &[
    row(ImageKey::Sampler, "sampler", "Sampler", Kind::Choice(IMAGE_SAMPLERS), Value::Choice(0))
        .help("How images are drawn from the energy: level by level along the noise's way back, by Langevin steps at every level, by a long chain at one level, by chains that walk over the levels, or by a trained generator."),
    row(ImageKey::Count, "n", "Images", Kind::Int { min: 1, max: 64 }, Value::Int(16))
        .help("How many are drawn together. Time grows with the number; sixteen fill the CPU's lanes."),
    row(ImageKey::Seed, "seed", "Seed", Kind::Int { min: 0, max: u32::MAX as i64 }, Value::Int(1))
        .help("Decides every draw: the same seed, settings and model give the same images."),
    row(ImageKey::Interpolate, "interpolate", "From one seed to another", Kind::Switch, Value::Switch(false))
        .help("Every image starts from a blend of two seeds' noise, the first from one and the last from the other, with the same draws on the way.")
        .of(&["ancestral", "annealed", "generator"]),
    row(ImageKey::Second, "second", "Other seed", Kind::Int { min: 0, max: u32::MAX as i64 }, Value::Int(2))
        .help("The seed whose noise the last image starts from.")
        .of(&["ancestral", "annealed", "generator"]),
    row(ImageKey::Steps, "steps", "Steps a level", Kind::Int { min: 1, max: 100 }, Value::Int(4))
        .help("Langevin steps at each noise level; for the walk over levels, steps between two draws of the level.")
        .of(&["annealed", "mixture"]),
    row(ImageKey::StepSize, "step", "Step size", Kind::Float { min: 1e-3, max: 1.0, log: true }, Value::Float(0.3))
        .unit("× noise")
        .help("Deviation of a Langevin step in units of the level's noise: larger is faster, and worse.")
        .of(&["annealed", "langevin", "mixture", "generator"]),
    row(ImageKey::Start, "start", "Start from", Kind::Choice(&["noise", "samples", "own"]), Value::Choice(1))
        .help("Where the chains begin: at the level's noise, at the images drawn last, or at images of your own. Chains that leave real images behind show what the energy thinks of them.")
        .of(&["langevin"]),
    row(ImageKey::Level, "t", "Noise level", Kind::Int { min: 0, max: 255 }, Value::Int(4))
        .help("The level whose energy the long chain runs on; 0 is the cleanest.")
        .of(&["langevin"]),
    row(ImageKey::Transitions, "transitions", "Transitions", Kind::Int { min: 1, max: 10_000 }, Value::Int(200))
        .help("Length of the chains.")
        .of(&["langevin", "mixture"]),
    row(ImageKey::Adjusted, "mala", "Accept or reject", Kind::Switch, Value::Switch(true))
        .help("With the test of Metropolis and Hastings (MALA) the chain leaves exp(-E) as it is; without, every step is taken.")
        .of(&["langevin", "mixture", "generator"]),
    row(ImageKey::Refine, "refine", "Refining steps", Kind::Int { min: 0, max: 100 }, Value::Int(0))
        .help("Langevin steps after each call of the generator, on the energy of the level given the noisier image above it.")
        .of(&["generator"]),
    row(ImageKey::Picture, "show", "Show", Kind::Choice(&["guess", "state"]), Value::Choice(0))
        .help("The clean image that the model guesses behind the noise, or the noisy image itself."),
    row(ImageKey::Filter, "filter", "Resample by", Kind::Choice(&["area", "lanczos"]), Value::Choice(0))
        .help("How your images become 32 by 32: the mean over each area, or Lanczos with three lobes, which is sharper and rings at edges."),
    row(ImageKey::Fit, "fit", "Shape", Kind::Choice(&["crop", "squash"]), Value::Choice(0))
        .help("What becomes of an image that is no square: its middle is kept, or all of it is stretched."),
    row(ImageKey::Background, "background", "Behind transparency", Kind::Choice(&["white", "grey", "black"]), Value::Choice(0))
        .help("What shows where an image is transparent."),
    row(ImageKey::Noise, "noise", "Noise to take away", Kind::Float { min: 0.02, max: 1.0, log: true }, Value::Float(0.3))
        .help("Deviation of the noise that is put on your image, on the scale on which black is -1 and white 1; the model then takes it away."),
];

impl ImageKey {
    pub const fn row(self) -> &'static ImageRow {
        &IMAGE_TABLE[self as usize]
    }

    pub fn by_name(name: &str) -> Option<Self> {
        let row = IMAGE_TABLE.iter().find(|row| row.name == name)?;
        Some(row.key)
    }
}

/// A value for every setting of images, and the model they are for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageSettings {
    /// The model by its name in the manifest; empty for the first one.
    pub model: String,
    values: Vec<Value>,
}

impl Default for ImageSettings {
    fn default() -> Self {
        Self {
            model: String::new(),
            values: IMAGE_TABLE.iter().map(|row| row.default).collect(),
        }
    }
}

/// Longest name of a model in a link.
const MAX_NAME: usize = 40;

impl ImageSettings {
    pub fn get(&self, key: ImageKey) -> Value {
        self.values[key as usize]
    }

    /// Sets `key`, clamped; a value of the wrong kind is ignored. Returns what is used now.
    pub fn set(&mut self, key: ImageKey, value: Value) -> Value {
        if let Some(value) = clamp(key.row().kind, value) {
            self.values[key as usize] = value;
        }
        self.get(key)
    }

    pub fn int(&self, key: ImageKey) -> usize {
        match self.get(key) {
            Value::Int(v) => v as usize,
            _ => 0,
        }
    }

    pub fn float(&self, key: ImageKey) -> f64 {
        match self.get(key) {
            Value::Float(v) => v,
            _ => 0.0,
        }
    }

    pub fn on(&self, key: ImageKey) -> bool {
        self.get(key) == Value::Switch(true)
    }

    /// The name of the chosen option; empty for other kinds.
    pub fn choice(&self, key: ImageKey) -> &'static str {
        match (self.get(key), key.row().kind) {
            (Value::Choice(index), Kind::Choice(options)) => options[index],
            _ => "",
        }
    }

    pub fn text(&self, key: ImageKey) -> String {
        write(key.row().kind, self.get(key))
    }

    /// Sets `key` from text, clamping.
    ///
    /// # Errors
    /// What was wrong with it; it then keeps its value (unreadable) or takes the nearest allowed one.
    pub fn set_text(&mut self, key: ImageKey, text: &str) -> Result<(), Notice> {
        let row = key.row();
        settle(row.name, row.kind, text, |asked| self.set(key, asked))
    }

    /// Whether a setting has a meaning for the chosen sampler.
    pub fn relevant(&self, key: ImageKey) -> bool {
        let samplers = key.row().samplers;
        let belongs = samplers.is_empty() || samplers.contains(&self.choice(ImageKey::Sampler));
        let refines =
            self.choice(ImageKey::Sampler) != "generator" || self.int(ImageKey::Refine) > 0;
        belongs
            && match key {
                ImageKey::Second => self.on(ImageKey::Interpolate),
                ImageKey::StepSize | ImageKey::Adjusted => refines,
                _ => true,
            }
    }

    /// Evaluations of energy and gradient for each image, with a model of so many levels.
    pub fn evaluations(&self, levels: usize) -> u64 {
        let levels = levels as u64;
        let steps = self.int(ImageKey::Steps) as u64;
        let transitions = self.int(ImageKey::Transitions) as u64;
        match self.choice(ImageKey::Sampler) {
            "ancestral" => levels + 1,
            // A call and a reading take two thirds of a gradient's time.
            "generator" => levels * (1 + self.int(ImageKey::Refine) as u64),
            "annealed" => levels * steps + 2,
            // Energies of all levels cost a third of a gradient each.
            "mixture" => transitions * (steps + 2 + levels.div_ceil(3)),
            // A stretch of five looks at where it begins, twice.
            _ => transitions + 2 * transitions.div_ceil(5) + 1,
        }
    }

    /// Whether `other` would draw other images.
    pub fn draws_otherwise(&self, other: &Self) -> bool {
        let reads = |key| {
            matches!(
                key,
                ImageKey::Picture
                    | ImageKey::Filter
                    | ImageKey::Fit
                    | ImageKey::Background
                    | ImageKey::Noise
            )
        };
        let draws = IMAGE_TABLE.iter().filter(|row| !reads(row.key));
        self.model != other.model
            || draws
                .into_iter()
                .any(|r| self.get(r.key) != other.get(r.key))
    }

    /// The fragment, without `#`, that brings the settings back.
    pub fn print(&self) -> String {
        let mut out = String::from("v=1");
        if !self.model.is_empty() {
            out += &format!("&model={}", self.model);
        }
        for row in IMAGE_TABLE {
            if self.get(row.key) != row.default {
                out += &format!("&{}={}", row.name, self.text(row.key));
            }
        }
        out
    }

    /// Reads a fragment or query string, clamping values and collecting notices.
    pub fn parse(text: &str) -> (Self, Vec<Notice>) {
        let whole = text.trim_start_matches(['#', '?']);
        let text = &whole[..whole.floor_char_boundary(MAX_READ)];
        let mut settings = Self::default();
        let mut notices = Vec::new();
        let mut unknown = Vec::new();
        let pairs = pairs(text);
        for (name, value) in &pairs {
            match (name.as_str(), ImageKey::by_name(name)) {
                ("v", _) if value == "1" => {}
                ("v", _) => notices.push(Notice::Version {
                    asked: shorten(value),
                }),
                ("model", _) if is_name(value) => settings.model.clone_from(value),
                ("model", _) => notices.push(Notice::Unreadable {
                    name: "model".into(),
                    asked: shorten(value),
                }),
                (_, Some(key)) => notices.extend(settings.set_text(key, value).err()),
                (_, None) => unknown.push(name.as_str()),
            }
        }
        notices.extend(Notice::unknown(&unknown));
        let mut notices = few(notices);
        if text.len() < whole.len() {
            notices.push(Notice::cut());
        }
        (settings, notices)
    }
}

fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    text.len() <= MAX_NAME && text.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Draws, Stream};
    use crate::settings::MAX_LINK_BYTES;

    fn random(case: u64) -> ImageSettings {
        let draws = Draws::new(case, Stream::Test, 9);
        let mut settings = ImageSettings::default();
        if draws.uniform(0) < 0.5 {
            settings.model = "dcd-cifar".into();
        }
        for (i, row) in (0..).zip(IMAGE_TABLE) {
            let u = f64::from(draws.uniform(1 + 2 * i));
            let value = match row.kind {
                Kind::Int { min, max } => Value::Int(min + ((max - min) as f64 * u) as i64),
                Kind::Float { min, max, .. } => Value::Float(min + (max - min) * u),
                Kind::Choice(options) => Value::Choice((u * options.len() as f64) as usize),
                Kind::Switch => Value::Switch(u < 0.5),
            };
            if draws.uniform(2 + 2 * i) < 0.5 {
                settings.set(row.key, value);
            }
        }
        settings
    }

    #[test]
    fn the_table_is_in_order_and_its_defaults_are_valid() {
        for (i, row) in IMAGE_TABLE.iter().enumerate() {
            assert_eq!(row.key as usize, i, "{}", row.name);
            assert_eq!(
                clamp(row.kind, row.default),
                Some(row.default),
                "{}",
                row.name
            );
            assert!(
                !row.help.is_empty() && row.help.ends_with('.'),
                "{}",
                row.name
            );
            assert_eq!(ImageKey::by_name(row.name), Some(row.key));
        }
    }

    #[test]
    fn links_bring_settings_back() {
        for case in 0..3000 {
            let settings = random(case);
            let link = settings.print();
            assert!(link.len() <= MAX_LINK_BYTES);
            assert_eq!(ImageSettings::parse(&link), (settings, vec![]), "{link}");
        }
    }

    #[test]
    fn wild_links_are_clamped_and_told() {
        let (settings, notices) = ImageSettings::parse(
            "#v=1&n=1e9&steps=1e9&sampler=gan&step=NaN&nonsense=1&model=../../etc&t=-4",
        );
        assert_eq!(settings.int(ImageKey::Count), 64);
        assert_eq!(settings.int(ImageKey::Steps), 100);
        assert_eq!(settings.int(ImageKey::Level), 0);
        assert_eq!(settings.model, "");
        assert_eq!(notices.len(), 7, "{notices:?}");
        for case in 0..100_000u64 {
            let mut bytes = random(case % 50).print().into_bytes();
            let draws = Draws::new(case, Stream::Test, 10);
            for m in 0..1 + draws.below(0, 6) {
                let at = draws.below(1 + 2 * m, bytes.len() as u32) as usize;
                bytes[at] = b"&=#%-.09az\xc3"[draws.below(2 + 2 * m, 11) as usize];
            }
            let (settings, _) = ImageSettings::parse(&String::from_utf8_lossy(&bytes));
            assert_eq!(ImageSettings::parse(&settings.print()).0, settings);
        }
    }

    #[test]
    fn what_is_only_looked_at_draws_nothing_anew() {
        let settings = ImageSettings::default();
        for row in IMAGE_TABLE {
            let mut other = settings.clone();
            let value = match row.kind {
                Kind::Int { min, .. } => Value::Int(min),
                Kind::Float { min, .. } => Value::Float(min),
                Kind::Choice(options) => Value::Choice(options.len() - 1),
                Kind::Switch => Value::Switch(row.default == Value::Switch(false)),
            };
            other.set(row.key, value);
            let looks = ["show", "filter", "fit", "background", "noise"].contains(&row.name);
            let changed = other.get(row.key) != row.default;
            assert_eq!(
                settings.draws_otherwise(&other),
                changed && !looks,
                "{}",
                row.name
            );
        }
    }
}
