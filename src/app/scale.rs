//! How the position of a slider maps to the value of a setting.
//!
//! Invariant: positions run over `0..=steps(kind)`; both ends give the ends of the range exactly, and a
//! value put on the slider and read back is the same to the slider's resolution.

use crate::settings::{Kind, Value};

/// Most positions of a slider beyond its first.
const STEPS: u32 = 1000;

/// From this largest value on, whole numbers are spread logarithmically: one step of a linear
/// slider would skip all the small ones.
const WIDE: i64 = 10_000;

/// Positions of the slider of `kind` beyond its first; one a number where they are few, so that an
/// arrow key always moves by one.
pub fn steps(kind: Kind) -> u32 {
    match kind {
        Kind::Int { min, max } => (max - min).try_into().map_or(STEPS, |n: u32| n.min(STEPS)),
        _ => STEPS,
    }
}

/// Where `value` sits on the slider of `kind`.
pub fn position(kind: Kind, value: Value) -> u32 {
    let share = match (kind, value) {
        (Kind::Int { min, max }, Value::Int(v)) if max >= WIDE => {
            let log = |v: i64| ((v - min + 1) as f64).ln();
            log(v) / log(max)
        }
        (Kind::Int { min, max }, Value::Int(v)) => (v - min) as f64 / (max - min) as f64,
        (
            Kind::Float {
                min,
                max,
                log: true,
            },
            Value::Float(v),
        ) => (v / min).ln() / (max / min).ln(),
        (Kind::Float { min, max, .. }, Value::Float(v)) => (v - min) / (max - min),
        _ => 0.0,
    };
    (share.clamp(0.0, 1.0) * f64::from(steps(kind))).round() as u32
}

/// The value a hundredth of the slider above `value` (`by` = 1) or below it (-1).
pub fn nudged(kind: Kind, value: Value, by: i32) -> Option<Value> {
    let last = steps(kind);
    let stride = (last / 100).max(1) as i32;
    let next = position(kind, value) as i32 + by * stride;
    self::value(kind, next.clamp(0, last as i32) as u32)
}

/// The value of `kind` at a position; reals are rounded to three significant digits.
pub fn value(kind: Kind, position: u32) -> Option<Value> {
    let last = steps(kind);
    let share = f64::from(position.min(last)) / f64::from(last);
    match kind {
        Kind::Int { min, max } if max >= WIDE => {
            let offset = (((max - min + 1) as f64).ln() * share).exp() - 1.0;
            Some(Value::Int(min + offset.round() as i64))
        }
        Kind::Int { min, max } => Some(Value::Int(
            min + ((max - min) as f64 * share).round() as i64,
        )),
        Kind::Float { min, max, .. } if position == 0 || position >= last => {
            Some(Value::Float(if position == 0 { min } else { max }))
        }
        Kind::Float {
            min,
            max,
            log: true,
        } => Some(Value::Float(rounded(min * (max / min).powf(share)))),
        Kind::Float { min, max, .. } => Some(Value::Float(rounded(min + (max - min) * share))),
        Kind::Choice(_) | Kind::Switch => None,
    }
}

/// Three significant digits, through text so that 0.3 is 0.3 and not a neighbour of it.
fn rounded(v: f64) -> f64 {
    format!("{v:.2e}").parse().unwrap_or(v)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::TABLE;

    #[test]
    fn one_step_of_a_short_range_is_one() {
        let kind = Kind::Int { min: 8, max: 256 };
        let at = position(kind, Value::Int(128));
        assert_eq!(value(kind, at + 1), Some(Value::Int(129)));
    }

    #[test]
    fn a_nudge_is_a_hundredth_of_the_slider() {
        let kind = Kind::Float {
            min: 1e-6,
            max: 0.1,
            log: true,
        };
        let Some(Value::Float(up)) = nudged(kind, Value::Float(5e-4), 1) else {
            panic!("a real setting stays one")
        };
        assert!((up / 5e-4 / 1e5f64.powf(0.01) - 1.0).abs() < 0.02, "{up}");
        assert_eq!(nudged(kind, Value::Float(0.1), 1), Some(Value::Float(0.1)));
    }

    #[test]
    fn ends_are_exact_and_positions_come_back() {
        for row in TABLE {
            let ends = match row.kind {
                Kind::Int { min, max } => (Value::Int(min), Value::Int(max)),
                Kind::Float { min, max, .. } => (Value::Float(min), Value::Float(max)),
                _ => {
                    assert_eq!(value(row.kind, 3), None);
                    continue;
                }
            };
            assert_eq!(value(row.kind, 0), Some(ends.0), "{}", row.name);
            assert_eq!(
                value(row.kind, steps(row.kind)),
                Some(ends.1),
                "{}",
                row.name
            );
            for p in (0..=steps(row.kind)).step_by(37) {
                let v = value(row.kind, p).unwrap();
                let again = value(row.kind, position(row.kind, v)).unwrap();
                let near = match (v, again) {
                    (Value::Int(a), Value::Int(b)) => (a - b).abs() <= 1 + a / 100,
                    (Value::Float(a), Value::Float(b)) => (a - b).abs() <= 0.01 * a.abs().max(1e-9),
                    _ => false,
                };
                assert!(near, "{} at {p}: {v:?} and {again:?}", row.name);
            }
        }
    }
}
