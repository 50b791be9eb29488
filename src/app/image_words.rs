//! Sentences and names about images that visitors read.
//!
//! Invariant: pure functions of settings and events, so that what is said can be tested.

use super::gallery::{Gallery, Weights};
use super::words::sentence;
use crate::protocol::Loaded;
use crate::settings::{ImageKey, ImageSettings};
use crate::weights::Method;

/// A whole number with its digits in groups of three.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A time that a visitor may have to wait.
pub fn duration(seconds: f32) -> String {
    match seconds {
        s if s < 1.0 => "less than a second".into(),
        s if s < 90.0 => format!("about {s:.0} s"),
        s if s < 5400.0 => format!("about {:.0} min", s / 60.0),
        s => format!("about {:.1} h", s / 3600.0),
    }
}

/// An option of the images' settings as visitors read it.
pub fn option(name: &str) -> &str {
    match name {
        "noise" => "noise",
        "samples" => "the images drawn last",
        "own" => "my own images",
        "crop" => "middle square",
        "squash" => "squash to a square",
        "area" => "mean over areas",
        "lanczos" => "Lanczos",
        other => other,
    }
}

/// A way to draw images, and what it does.
pub fn sampler(name: &str) -> (&str, &str) {
    match name {
        "ancestral" => (
            "Back from noise",
            "From pure noise level by level, each time to a draw from what could have been there before. One gradient a level.",
        ),
        "annealed" => (
            "Annealed Langevin",
            "Some Langevin steps at every noise level, from the noisiest to the cleanest.",
        ),
        "langevin" => (
            "Long run",
            "One long chain at one level: from real images, it shows whether the energy holds them.",
        ),
        "mixture" => (
            "Walk over levels",
            "Chains over images and levels at once: Langevin moves, then a draw of the level (DA-EBM's mixture sampler).",
        ),
        "generator" => (
            "Generator",
            "From pure noise by one call of the trained generator for each denoising step (DDAEBM); Langevin steps on the energy may follow each call.",
        ),
        other => (other, ""),
    }
}

/// Whether the model at work, if one is, can be drawn from by a sampler.
pub fn fits(gallery: &Gallery, sampler: &str) -> bool {
    let loaded = gallery.loaded.as_ref();
    loaded.is_none_or(|loaded| loaded.samplers.iter().any(|name| name == sampler))
}

/// Why a model cannot be drawn from by a sampler.
pub fn unfit(sampler: &str) -> &'static str {
    match sampler {
        "generator" => "This model has no generator: choose another sampler.",
        _ => {
            "The levels of this model have no common scale, so chains cannot walk over them: choose another sampler."
        }
    }
}

/// The training method of a model of images.
pub fn method(method: Method) -> &'static str {
    match method {
        Method::Dcd => "Diffusion contrastive divergence between noise levels (DCD)",
        Method::DaEbm => "One energy over images and noise levels with persistent chains (DA-EBM)",
        Method::Ddaebm => "An energy against a generator at each denoising step (DDAEBM)",
    }
}

/// What is at work, or what to do about it.
pub fn model_state(gallery: &Gallery) -> String {
    match (&gallery.loaded, &gallery.weights) {
        (Some(loaded), _) => {
            let place = if loaded.on_gpu {
                "on the GPU"
            } else {
                "on the CPU"
            };
            let own = if loaded.own {
                ", your own weights,"
            } else {
                ""
            };
            let checked = match loaded.golden_error {
                Some(error) => format!("; energies within {error:.0e} of the trainer's"),
                None => String::new(),
            };
            format!("{}{own} at work {place}{checked}.", loaded.name)
        }
        (None, Weights::Loading { .. }) => "Loading…".into(),
        (None, Weights::Stopped) => "Not loaded.".into(),
        (None, _) if gallery.manifest.is_some() => "No model is loaded yet.".into(),
        (None, _) => "Looking for models…".into(),
    }
}

/// What drawing with these settings will take.
pub fn estimate(loaded: &Loaded, settings: &ImageSettings) -> String {
    let images = settings.int(ImageKey::Count).min(loaded.most as usize);
    let evaluations = settings.evaluations(loaded.noise.len());
    let batches = images.div_ceil(loaded.batch as usize) as f32;
    let seconds = loaded.seconds * batches * evaluations as f32;
    let bytes = images as f64 * loaded.bytes_per_image as f64;
    format!(
        "{} and {:.0} MB: {evaluations} evaluations of energy and gradient for each of {images} images.",
        sentence(&duration(seconds)).trim_end_matches('.'),
        (bytes / 1e6).max(1.0)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::IMAGE_SAMPLERS;
    use crate::weights::ModelSpec;

    #[test]
    fn numbers_and_times_read_well() {
        assert_eq!(thousands(7), "7");
        assert_eq!(thousands(621_123), "621,123");
        assert_eq!(thousands(1_000_000), "1,000,000");
        assert_eq!(duration(0.4), "less than a second");
        assert_eq!(duration(75.2), "about 75 s");
        assert_eq!(duration(600.0), "about 10 min");
    }

    #[test]
    fn a_model_s_own_sampler_is_in_the_table_and_fits() {
        for name in ModelSpec::NAMES {
            let model = ModelSpec::named(name).unwrap();
            assert!(IMAGE_SAMPLERS.contains(&model.sampler()));
            assert!(model.allows(model.sampler()));
            assert!(model.allows("ancestral"));
            assert_eq!(model.allows("mixture"), name == "da-ebm-walk-cifar");
            assert_eq!(model.allows("generator"), name == "ddaebm-cifar");
        }
        let walking = ModelSpec::named("da-ebm-walk-cifar").unwrap();
        assert_eq!(walking.sampler(), "mixture");
    }

    #[test]
    fn every_sampler_and_option_of_images_has_words() {
        for name in IMAGE_SAMPLERS {
            assert_ne!(sampler(name).0, *name);
            assert!(!sampler(name).1.is_empty());
        }
    }
}
