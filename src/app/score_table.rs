//! The visitor's images as a table: sorted, filtered, exported.
//!
//! Invariant: pure functions of a [`Gallery`]; an image that could not be read has a row like any other.

use super::gallery::{Gallery, OwnState};
use crate::weights::reference::{COLUMNS, Score, column};

/// What the table is sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As they came.
    Arrival,
    Name,
    /// By a column's percentile, or its score where there is none.
    Column(usize),
}

/// Numbers of the images that a table shows: those whose names hold `text` and whose percentile in
/// `column` is `least` at least, in this order. What has no score stays, at the end.
pub fn listed(
    gallery: &Gallery,
    order: Order,
    descending: bool,
    text: &str,
    (column, least): (usize, f32),
) -> Vec<u32> {
    let text = text.trim().to_lowercase();
    let mut ids: Vec<u32> = gallery
        .own
        .iter()
        .filter(|(_, own)| own.name.to_lowercase().contains(&text))
        .filter(|(_, own)| own.percentiles.get(column).is_none_or(|p| *p >= least))
        .map(|(id, _)| *id)
        .collect();
    let own = |id: &u32| &gallery.own[id];
    let value = |id: &u32, c: usize| {
        let own = own(id);
        let found = [&own.percentiles, &own.scores].map(|of| of.get(c).copied());
        // Percentiles tie at both ends, where scores still differ.
        (found[0].unwrap_or(0.0), found[1])
    };
    match order {
        Order::Arrival => {}
        Order::Name => ids.sort_by_key(|id| own(id).name.to_lowercase()),
        Order::Column(c) => ids.sort_by(|a, b| {
            let (a, b) = (value(a, c), value(b, c));
            let scores = |v: (f32, Option<f32>)| v.1.unwrap_or(f32::NEG_INFINITY);
            a.0.total_cmp(&b.0).then(scores(a).total_cmp(&scores(b)))
        }),
    }
    if descending {
        ids.reverse();
    }
    // Unscored last, whichever way.
    if matches!(order, Order::Column(_)) {
        ids.sort_by_key(|id| own(id).scores.is_empty());
    }
    ids
}

/// The names of the columns that exports use.
fn headings() -> impl Iterator<Item = String> {
    (0..COLUMNS).map(|i| {
        let (score, corrected) = column(i);
        let suffix = if corrected { ", corrected" } else { "" };
        format!("{}{suffix}", score.name())
    })
}

/// The table as comma-separated values (RFC 4180): every score and its percentile.
pub fn to_csv(gallery: &Gallery, ids: &[u32]) -> String {
    let quote = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let mut out = String::from("name,width,height,resampled,error");
    for heading in headings() {
        out += &format!(
            ",{},{}",
            quote(&heading),
            quote(&format!("{heading} percentile"))
        );
    }
    out += "\r\n";
    for id in ids {
        let own = &gallery.own[id];
        let size = own.seen.as_ref().map(|s| (s.width, s.height));
        let error = match &own.state {
            OwnState::Unreadable(message) => message.as_str(),
            _ => "",
        };
        let number = |n: Option<&f32>| {
            n.filter(|n| n.is_finite())
                .map_or(String::new(), f32::to_string)
        };
        let side = |n: Option<u32>| n.map_or(String::new(), |n| n.to_string());
        out += &format!(
            "{},{},{},{},{}",
            // A name that begins like a formula must not be one in a spreadsheet.
            quote(own.name.trim_start_matches(['=', '+', '-', '@'])),
            side(size.map(|s| s.0)),
            side(size.map(|s| s.1)),
            quote(own.seen.as_ref().map_or("", |s| &s.how)),
            quote(error)
        );
        for i in 0..COLUMNS {
            out += &format!(
                ",{},{}",
                number(own.scores.get(i)),
                number(own.percentiles.get(i))
            );
        }
        out += "\r\n";
    }
    out
}

/// The table as JSON, with the model that made it.
pub fn to_json(gallery: &Gallery, ids: &[u32]) -> String {
    let finite = |n: Option<&f32>| n.copied().filter(|n| n.is_finite());
    let rows = ids.iter().map(|id| {
        let own = &gallery.own[id];
        let columns = headings().enumerate().map(|(i, heading)| {
            let cell = serde_json::json!({
                "score": finite(own.scores.get(i)),
                "percentile": finite(own.percentiles.get(i)),
            });
            (heading, cell)
        });
        let error = match &own.state {
            OwnState::Unreadable(message) => Some(message),
            _ => None,
        };
        serde_json::json!({
            "name": own.name,
            "width": own.seen.as_ref().map(|s| s.width),
            "height": own.seen.as_ref().map(|s| s.height),
            "resampled": own.seen.as_ref().map(|s| &s.how),
            "error": error,
            "scores": columns.collect::<serde_json::Map<_, _>>(),
        })
    });
    let model = gallery.loaded.as_ref();
    let all = serde_json::json!({
        "model": model.map(|m| &m.name),
        "weights": model.map(|m| &m.sha256),
        "images": rows.collect::<Vec<_>>(),
    });
    format!("{all:#}\n")
}

/// The plain column that tells sets apart best, by the mean area under its curves; without any, that of the
/// energy, which needs no fit.
pub fn best_column(gallery: &Gallery) -> usize {
    let reference = gallery.loaded.as_ref().and_then(|l| l.reference.as_ref());
    let Some(reference) = reference else {
        let energy = Score::ALL.iter().position(|s| *s == Score::Energy);
        return energy.unwrap_or(0);
    };
    let mean = |i: &usize| {
        let areas = reference.tables[*i]
            .histograms
            .iter()
            .filter_map(|h| h.auroc);
        let areas: Vec<f64> = areas.collect();
        areas.iter().sum::<f64>() / areas.len().max(1) as f64
    };
    (0..Score::ALL.len())
        .max_by(|a, b| mean(a).total_cmp(&mean(b)))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_and_filtered() {
        let g = Gallery::scored(&[50.0, 99.5, 3.0]);
        let list = |order, down, text: &str, least| listed(&g, order, down, text, (0, least));
        assert_eq!(list(Order::Column(0), true, "", 0.0), [1, 0, 2, 3]);
        assert_eq!(list(Order::Column(0), false, "", 0.0), [2, 0, 1, 3]);
        assert_eq!(list(Order::Arrival, false, "IMAGE", 10.0), [0, 1]);
        assert_eq!(list(Order::Name, true, "", 0.0), [3, 2, 1, 0]);
        assert_eq!(g.progress(), (3, 3));
    }

    #[test]
    fn exports_have_every_row_and_no_formula() {
        let g = Gallery::scored(&[50.0]);
        let csv = to_csv(&g, &[0, 1]);
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(
            lines[1].starts_with("\"image \"\"0\"\".png\",640,480,\"\",\"\",5,50,"),
            "{}",
            lines[1]
        );
        assert!(
            lines[2].starts_with("\"bad.png\",,,\"\",\"this browser"),
            "{}",
            lines[2]
        );
        let commas = |line: &str| line.matches(',').count();
        assert_eq!(commas(lines[1]), 4 + 2 * COLUMNS);
        assert_eq!(
            commas(lines[0]),
            commas(lines[1]) + COLUMNS,
            "corrected columns have one in their name, twice"
        );
        let json: serde_json::Value = serde_json::from_str(&to_json(&g, &[0, 1])).unwrap();
        assert_eq!(
            json["images"][0]["scores"]["score-norm profile"]["percentile"],
            50.0
        );
        assert!(json["images"][1]["error"].is_string());
    }
}
