//! Colours of the pictures, display-referred sRGB in 0..1: the twin of `shaders/colour.wgsl`.
//!
//! Invariant: every constant of the shader text is the one here; a test compares them.

/// Red, green and blue.
pub type Rgb = [f32; 3];
/// Red, green, blue and opacity, not multiplied into the colour.
pub type Rgba = [f32; 4];

/// Coefficients, constant term first, of a polynomial through inferno (van der Walt and Smith,
/// matplotlib, CC0), fitted by Matt Zucker (<https://www.shadertoy.com/view/WlfXRN>, CC0).
pub const INFERNO: [Rgb; 7] = [
    [0.000_218_940_37, 0.001_651_004_7, -0.019_480_897],
    [0.106_513_42, 0.563_956_44, 3.932_712_3],
    [11.602_493, -3.972_854, -15.942_394],
    [-41.703_995, 17.436_398, 44.354_145],
    [77.162_94, -33.402_36, -81.807_31],
    [-71.319_43, 32.626_064, 73.209_52],
    [25.131_126, -12.242_669, -23.070_326],
];

/// Where on inferno the sequential map begins: above its black, so that the picture's ground shows
/// as part of it.
pub const FLOOR: f32 = 0.04;

/// No difference.
pub const EVEN: Rgb = [0.04, 0.04, 0.07];
/// The model has less than the truth.
pub const BELOW: Rgb = [0.44, 0.71, 0.98];
/// The model has more than the truth.
pub const ABOVE: Rgb = [0.96, 0.62, 0.28];
/// Where there is nothing to show: outside the grid, or no number.
pub const BLANK: Rgb = [0.03, 0.035, 0.055];

pub const DATA: Rgba = [0.93, 0.95, 1.0, 0.6];
pub const CHAIN: Rgba = [0.5, 0.89, 0.83, 0.95];
pub const ARROW: Rgba = [0.92, 0.94, 0.97, 0.8];
/// Around marks, so that they can be told from bright ground.
pub const RIM: Rgba = [0.02, 0.02, 0.04, 0.55];

/// Half-widths of marks, in units of which a picture is 600 wide.
pub const DATA_RADIUS: f32 = 1.1;
pub const CHAIN_RADIUS: f32 = 2.7;
pub const TAIL_RADIUS: f32 = 0.6;
/// Opacity of a tail's newest stroke.
pub const TAIL_OPACITY: f32 = 0.55;

/// Exponent between a share of the highest density and its place on the map, so that a tenth of
/// the peak is still seen.
pub const GAMMA: f32 = 0.55;
/// Nats above the lowest energy that end the map of energies.
pub const ENERGY_SPAN: f32 = 12.0;
/// Contour lines: one a nat, this many.
pub const CONTOURS: f32 = 10.0;
/// Opacity of a contour line.
pub const CONTOUR_OPACITY: f32 = 0.32;
/// Contour lines fade out while the energy changes by this many nats a pixel.
pub const CROWDED: [f32; 2] = [0.25, 0.6];

/// The sequential map: dark at 0, bright at 1, clamped outside.
pub fn sequential(value: f32) -> Rgb {
    inferno(FLOOR + (1.0 - FLOOR) * value.clamp(0.0, 1.0))
}

fn inferno(x: f32) -> Rgb {
    std::array::from_fn(|channel| {
        INFERNO
            .iter()
            .rev()
            .fold(0.0, |sum, term| sum * x + term[channel])
            .clamp(0.0, 1.0)
    })
}

/// The diverging map: [`BELOW`] at -1, [`EVEN`] at 0, [`ABOVE`] at 1, clamped outside.
pub fn diverging(value: f32) -> Rgb {
    let arm = if value < 0.0 { BELOW } else { ABOVE };
    mix(EVEN, arm, value.abs().min(1.0))
}

/// From `a` at 0 to `b` at 1.
pub fn mix(a: Rgb, b: Rgb, share: f32) -> Rgb {
    std::array::from_fn(|channel| a[channel] + (b[channel] - a[channel]) * share)
}

/// A contour line of the given coverage over `ground`: light on dark ground, dark on light.
pub fn contoured(ground: Rgb, coverage: f32) -> Rgb {
    let brightness = 0.3 * ground[0] + 0.59 * ground[1] + 0.11 * ground[2];
    let line = if brightness < 0.5 { [1.0; 3] } else { [0.0; 3] };
    mix(ground, line, coverage * CONTOUR_OPACITY)
}

/// How much of a pixel a contour line covers, where the energy is `nats` above its lowest value
/// and changes by `change` nats from one pixel to the next.
pub fn contour(nats: f32, change: f32) -> f32 {
    let line = nats.round().clamp(1.0, CONTOURS);
    let pixels = (nats - line).abs() / change.max(1e-6);
    let [first, last] = CROWDED;
    let crowd = ((change - first) / (last - first)).clamp(0.0, 1.0);
    (1.0 - pixels).clamp(0.0, 1.0) * (1.0 - crowd * crowd * (3.0 - 2.0 * crowd))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHADER: &str = include_str!("../shaders/colour.wgsl");

    fn scalars(values: &[f32]) -> String {
        values
            .iter()
            .map(|value| format!("{value:?}"))
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// CIE lightness, 0 to 100.
    fn lightness(colour: Rgb) -> f32 {
        let linear = colour.map(|u| {
            if u <= 0.04045 {
                u / 12.92
            } else {
                ((u + 0.055) / 1.055).powf(2.4)
            }
        });
        let y = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
        if y > 0.008856 {
            116.0 * y.cbrt() - 16.0
        } else {
            903.3 * y
        }
    }

    #[test]
    fn the_shader_has_these_constants() {
        let mut lines = vec![format!(
            "const INFERNO = array<vec3f, {}>(\n{}\n);",
            INFERNO.len(),
            INFERNO
                .map(|term| format!("    vec3f({}),", scalars(&term)))
                .join("\n")
        )];
        for (name, value) in [
            ("EVEN", EVEN),
            ("BELOW", BELOW),
            ("ABOVE", ABOVE),
            ("BLANK", BLANK),
        ] {
            lines.push(format!("const {name} = vec3f({});", scalars(&value)));
        }
        for (name, value) in [
            ("DATA", DATA),
            ("CHAIN", CHAIN),
            ("ARROW", ARROW),
            ("RIM", RIM),
        ] {
            lines.push(format!("const {name} = vec4f({});", scalars(&value)));
        }
        for (name, value) in [
            ("FLOOR", FLOOR),
            ("DATA_RADIUS", DATA_RADIUS),
            ("CHAIN_RADIUS", CHAIN_RADIUS),
            ("TAIL_RADIUS", TAIL_RADIUS),
            ("TAIL_OPACITY", TAIL_OPACITY),
            ("GAMMA", GAMMA),
            ("ENERGY_SPAN", ENERGY_SPAN),
            ("CONTOURS", CONTOURS),
            ("CONTOUR_OPACITY", CONTOUR_OPACITY),
        ] {
            lines.push(format!("const {name} = {value:?};"));
        }
        lines.push(format!("const CROWDED = vec2f({});", scalars(&CROWDED)));
        for line in &lines {
            assert!(SHADER.contains(line), "shaders/colour.wgsl lacks\n{line}");
        }
        let constants = SHADER
            .lines()
            .filter(|line| line.starts_with("const "))
            .count();
        assert_eq!(
            constants,
            lines.len(),
            "a constant of the shader has no twin"
        );
    }

    #[test]
    fn the_sequential_map_is_monotone_and_nearly_uniform_in_lightness() {
        let top = lightness(sequential(1.0));
        let mut before = -1.0;
        for step in 0..=256 {
            let share = step as f32 / 256.0;
            let here = lightness(sequential(share));
            assert!(here > before, "step {step}");
            assert!((here - share * top).abs() < 7.0, "step {step}: {here}");
            before = here;
        }
        assert!(lightness(sequential(0.0)) < 3.0 && top > 95.0);
        assert_eq!(sequential(-1.0), sequential(0.0));
        assert_eq!(sequential(2.0), sequential(1.0));
    }

    /// Three colours of matplotlib's table; the fit is within 2 % of each channel.
    #[test]
    fn the_polynomial_is_inferno() {
        for (value, table) in [
            (0.0, [0.0, 0.0, 4.0]),
            (0.5, [188.0, 55.0, 84.0]),
            (1.0, [252.0, 255.0, 164.0]),
        ] {
            for (ours, theirs) in inferno(value).into_iter().zip(table) {
                assert!(
                    (ours - theirs / 255.0).abs() < 0.02,
                    "{value}: {ours} {theirs}"
                );
            }
        }
    }

    #[test]
    fn the_diverging_map_has_one_lightness_on_both_sides() {
        let mut before = lightness(EVEN) - 1e-3;
        for step in 0..=64 {
            let share = step as f32 / 64.0;
            let (below, above) = (lightness(diverging(-share)), lightness(diverging(share)));
            assert!((below - above).abs() < 1.5, "step {step}: {below} {above}");
            assert!(below.min(above) > before, "step {step}");
            before = below.min(above);
        }
    }

    #[test]
    fn contours_lie_on_whole_nats_and_fade_where_they_crowd() {
        assert_eq!(contour(3.0, 0.1), 1.0);
        assert_eq!(contour(3.2, 0.1), 0.0);
        assert!((contour(3.05, 0.1) - 0.5).abs() < 1e-5);
        assert_eq!(contour(0.0, 0.1), 0.0, "the lowest point is no line");
        assert_eq!(contour(CONTOURS + 1.0, 0.1), 0.0, "beyond the last line");
        assert_eq!(contour(3.0, 0.7), 0.0);
        assert_ne!(contoured(BLANK, 1.0), BLANK);
        assert!(contoured([0.9; 3], 1.0)[0] < 0.9 && contoured([0.1; 3], 1.0)[0] > 0.1);
    }
}
