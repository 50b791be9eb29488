//! Which page the address names.

use super::address;
use leptos::prelude::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    Train,
    Compare,
    Sample,
    Score,
    Lab,
}

impl Page {
    /// The page of a path.
    pub fn of(path: &str) -> Self {
        match path.trim_end_matches('/').rsplit('/').next() {
            Some("lab") => Self::Lab,
            Some("compare") => Self::Compare,
            Some("images") => Self::Sample,
            Some("ood") => Self::Score,
            _ => Self::Train,
        }
    }

    /// The page of the address as it is.
    pub fn now() -> Self {
        Self::of(&window().location().pathname().unwrap_or_default())
    }

    /// Its part of the address behind the base.
    pub fn path(self) -> &'static str {
        match self {
            Self::Train => "",
            Self::Compare => "compare/",
            Self::Sample => "images/",
            Self::Score => "ood/",
            Self::Lab => "lab/",
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "Train",
            Self::Compare => "Compare",
            Self::Sample => "Sample",
            Self::Score => "Score",
            Self::Lab => "Lab",
        }
    }

    /// Whether it is about images rather than the plane.
    pub fn of_images(self) -> bool {
        matches!(self, Self::Sample | Self::Score)
    }

    /// Its address with these settings.
    pub fn link(self, settings: &str) -> String {
        address::relative(self.path(), settings)
    }
}
