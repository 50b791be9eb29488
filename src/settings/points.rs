//! The visitor's own points: drawn, pasted or dropped.
//!
//! Invariant: points held by settings are finite, inside the square of half-width [`EXTENT`], and
//! sit on the 256 x 256 lattice that links carry, so a link returns them exactly.

use super::Notice;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Half the side of the square that data live in.
pub const EXTENT: f32 = 5.0;

/// Most points a link carries, and so most that settings hold.
pub const LINK_POINTS: usize = 256;

/// Data from a file whose half-width is below this are scaled up: the lattice of links would merge
/// them.
const SMALL: f64 = 0.5;

/// Data scaled from a file end inside this half-width, leaving a margin for the density.
const FIT: f32 = 4.0;

fn code(v: f32) -> u8 {
    ((v + EXTENT) / (2.0 * EXTENT) * 255.0)
        .round()
        .clamp(0.0, 255.0) as u8
}

fn decode(q: u8) -> f32 {
    f32::from(q) / 255.0 * (2.0 * EXTENT) - EXTENT
}

/// Moves points onto the lattice that links carry; what lies outside goes to its edge.
pub fn quantise(points: &[[f32; 2]]) -> Vec<[f32; 2]> {
    points.iter().map(|p| p.map(|v| decode(code(v)))).collect()
}

/// Base64url of one byte a coordinate.
pub(super) fn to_text(points: &[[f32; 2]]) -> String {
    let bytes: Vec<u8> = points.iter().flatten().map(|&v| code(v)).collect();
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads what [`to_text`] wrote; at most [`LINK_POINTS`] points.
pub(super) fn from_text(text: &str) -> Option<Vec<[f32; 2]>> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    if bytes.len() % 2 != 0 || bytes.len() > 2 * LINK_POINTS {
        return None;
    }
    Some(
        bytes
            .chunks_exact(2)
            .map(|p| [decode(p[0]), decode(p[1])])
            .collect(),
    )
}

/// Makes any list of points fit the invariant, saying what had to change.
pub(super) fn tidy(points: Vec<[f32; 2]>, notices: &mut Vec<Notice>) -> Vec<[f32; 2]> {
    let given = points.len();
    let finite: Vec<_> = points
        .into_iter()
        .filter(|p| p.iter().all(|v| v.is_finite()))
        .collect();
    let mut say = |problem: String| notices.push(Notice::Points { problem });
    if finite.len() < given {
        say(format!(
            "{} points were not finite and are left out.",
            given - finite.len()
        ));
    }
    quantise(&thin(finite, &mut say))
}

/// Keeps an even spread of at most [`LINK_POINTS`] points.
fn thin(points: Vec<[f32; 2]>, say: &mut impl FnMut(String)) -> Vec<[f32; 2]> {
    let n = points.len();
    if n <= LINK_POINTS {
        return points;
    }
    say(format!(
        "{n} points are more than a link can carry; {LINK_POINTS} of them, evenly spaced in the list, are used."
    ));
    (0..LINK_POINTS)
        .map(|i| points[i * n / LINK_POINTS])
        .collect()
}

/// Reads two columns of numbers separated by commas or spaces, or by semicolons or tabs, between which
/// a decimal comma is read too; a header line is skipped. Data that reach beyond the square or fill
/// little of it are shifted and scaled to fit, which is reported.
///
/// # Errors
/// Says in words which line has no two numbers, or that there were none at all.
pub fn parse_csv(text: &str) -> Result<(Vec<[f32; 2]>, Vec<Notice>), String> {
    let mut points = Vec::new();
    let mut header_may_come = true;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim().trim_start_matches('\u{feff}');
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let strict = line.contains([';', '\t']);
        let mut fields = line
            .split(|c: char| match strict {
                true => c == ';' || c == '\t',
                false => c == ',' || c.is_whitespace(),
            })
            .map(|field| field.trim().trim_matches('"'))
            .filter(|field| !field.is_empty())
            .map(|field| match strict {
                true => field.replacen(',', ".", 1).parse::<f32>(),
                false => field.parse(),
            });
        let header_here = std::mem::take(&mut header_may_come);
        match (fields.next(), fields.next()) {
            (Some(Ok(x)), Some(Ok(y))) if x.is_finite() && y.is_finite() => points.push([x, y]),
            _ if header_here => {}
            _ => {
                return Err(format!(
                    "Line {} does not start with two numbers: {:?}.",
                    number + 1,
                    super::shorten(line)
                ));
            }
        }
    }
    if points.is_empty() {
        return Err("No points found: expected two numbers a line.".into());
    }
    let mut notices = Vec::new();
    let mut say = |problem: String| notices.push(Notice::Points { problem });
    fit(&mut points, &mut say);
    let points = quantise(&thin(points, &mut say));
    Ok((points, notices))
}

fn fit(points: &mut [[f32; 2]], say: &mut impl FnMut(String)) {
    let range = |axis: usize| {
        points.iter().fold((f64::MAX, f64::MIN), |(low, high), p| {
            (low.min(f64::from(p[axis])), high.max(f64::from(p[axis])))
        })
    };
    let ranges = [range(0), range(1)];
    let middle = ranges.map(|(low, high)| (low + high) / 2.0);
    let half = ranges
        .iter()
        .map(|(low, high)| (high - low) / 2.0)
        .fold(0.0, f64::max);
    let inside = points.iter().flatten().all(|v| v.abs() <= EXTENT);
    if inside && (half >= SMALL || half == 0.0) {
        return;
    }
    let scale = if half > 0.0 {
        f64::from(FIT) / half
    } else {
        1.0
    };
    for p in points.iter_mut() {
        for axis in 0..2 {
            p[axis] = ((f64::from(p[axis]) - middle[axis]) * scale) as f32;
        }
    }
    say(format!(
        "The points {}: they are centred and scaled by {scale:.3e}.",
        if inside {
            "lay close together"
        } else {
            "reached beyond the picture"
        }
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantising_is_idempotent_and_survives_text() {
        let points: Vec<_> = (0..256)
            .map(|i| [i as f32 * 0.037 - 4.7, 4.9 - i as f32 * 0.031])
            .collect();
        let once = quantise(&points);
        assert_eq!(quantise(&once), once);
        assert_eq!(from_text(&to_text(&once)), Some(once));
    }

    #[test]
    fn csv_takes_headers_separators_and_other_scales() {
        let (points, notices) = parse_csv("x;y\n1;2\n\n# note\n3\t4\n \"0.5\", -1 ,7\n").unwrap();
        assert_eq!(points.len(), 3);
        assert!(notices.is_empty());
        let (points, notices) = parse_csv("1000,2000\n3000,2000").unwrap();
        assert_eq!(notices.len(), 1);
        assert!((points[0][0] + 4.0).abs() < 0.02 && (points[1][0] - 4.0).abs() < 0.02);
        let (points, notices) = parse_csv("# from a table\n\nx\ty\n1,5\t-2,25\n0\t3").unwrap();
        assert!(notices.is_empty());
        assert!((points[0][0] - 1.5).abs() < 0.02 && (points[0][1] + 2.25).abs() < 0.02);
        let (points, notices) = parse_csv("0.001,0\n0.002,0\n0.003,0.001").unwrap();
        assert_eq!(notices.len(), 1);
        assert!((points[0][0] + 4.0).abs() < 0.02 && (points[2][0] - 4.0).abs() < 0.02);
    }

    #[test]
    fn csv_says_which_line_is_wrong() {
        assert!(parse_csv("1,2\n3,four").unwrap_err().contains("Line 2"));
        assert!(parse_csv("").unwrap_err().contains("No points"));
        assert!(parse_csv("x,y\na,b\n1,2").unwrap_err().contains("Line 2"));
        assert!(parse_csv("1,2\n3,inf").unwrap_err().contains("Line 2"));
    }
}
