//! The pictures' pure parts, which only the wasm build compiles, and their shaders: naga reads what
//! the browser will.

use basin::{colour, engine, protocol};
use naga::valid::{Capabilities, ValidationFlags, Validator};

#[allow(dead_code, reason = "the tests use a part of what the painters do")]
#[path = "../src/worker/painter"]
mod painter {
    pub mod raster;
    pub mod view;
}

const COLOUR: &str = include_str!("../shaders/colour.wgsl");
const VIEW: &str = include_str!("../shaders/view.wgsl");

#[test]
fn the_pictures_shaders_are_valid() {
    for (name, text) in [
        ("heat", include_str!("../shaders/heat.wgsl")),
        ("points", include_str!("../shaders/points.wgsl")),
        ("trails", include_str!("../shaders/trails.wgsl")),
        ("arrows", include_str!("../shaders/arrows.wgsl")),
        ("mosaic", include_str!("../shaders/mosaic.wgsl")),
        ("strip", include_str!("../shaders/strip.wgsl")),
    ] {
        let text = [COLOUR, VIEW, text].concat();
        let module = naga::front::wgsl::parse_str(&text)
            .unwrap_or_else(|error| panic!("{name}: {}", error.emit_to_string(&text)));
        Validator::new(ValidationFlags::all(), Capabilities::empty())
            .validate(&module)
            .unwrap_or_else(|error| panic!("{name}: {}", error.emit_to_string(&text)));
    }
}
