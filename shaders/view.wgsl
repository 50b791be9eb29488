// What every picture shares: the view and the ways between the plane, pixels and clip space.
// Put in front of each picture's own text, after colour.wgsl. The twin of `View` is
// `painter::view::View`: 18 words, in this order.
//
// The plane is in data units with y up; pixels have their origin top left.

struct View {
    centre: vec2f,   // of the canvas, in the plane
    extent: vec2f,   // half the canvas' width and height, in data units
    pixels: vec2f,   // canvas size
    scene: vec2f,    // centre of the square that the grids cover
    reach: f32,      // half that square's side, in data units
    mark: f32,       // pixels per unit of mark size
    level: u32,      // noise level on show
    levels: u32,     // number of noise levels
    grid: u32,       // cells a side of the heat map
    arrows: u32,     // cells a side of the arrows
    tail: u32,       // places per chain
    picture: u32,    // 0 density, 1 energy, 2 difference
    contours: u32,   // 1: draw them
    by_level: u32,   // 1: draw only the chains at `level`
}

@group(0) @binding(0) var<uniform> view: View;

/// The four cells around a place in a square grid, as offsets from its first cell, and their
/// bilinear weights.
struct Tap {
    cell: vec4u,
    weight: vec4f,
}

/// `place` runs from 0 to 1 over the grid; places within half a cell of the edge take the edge's
/// values.
fn tap(place: vec2f, grid: u32) -> Tap {
    let last = f32(grid - 1u);
    let at = clamp(place * f32(grid) - 0.5, vec2f(0.0), vec2f(last));
    let low = min(floor(at), vec2f(max(last - 1.0, 0.0)));
    let part = at - low;
    let i = vec2u(low);
    let right = min(i.x + 1u, grid - 1u);
    let above = min(i.y + 1u, grid - 1u) * grid;
    let row = i.y * grid;
    return Tap(
        vec4u(row + i.x, row + right, above + i.x, above + right),
        vec4f((1.0 - part.x) * (1.0 - part.y), part.x * (1.0 - part.y),
              (1.0 - part.x) * part.y, part.x * part.y),
    );
}

/// Neither an infinity nor NaN. By its bits: compilers may assume that comparisons see neither.
fn finite(value: f32) -> bool {
    return (bitcast<u32>(value) & 0x7f800000u) != 0x7f800000u;
}

fn plane_of(pixel: vec2f) -> vec2f {
    let clip = pixel / view.pixels * 2.0 - 1.0;
    return view.centre + clip * vec2f(view.extent.x, -view.extent.y);
}

fn pixel_of(place: vec2f) -> vec2f {
    let clip = (place - view.centre) / view.extent;
    return (clip * vec2f(0.5, -0.5) + 0.5) * view.pixels;
}

fn clip_of(pixel: vec2f) -> vec4f {
    return vec4f((pixel / view.pixels * 2.0 - 1.0) * vec2f(1.0, -1.0), 0.0, 1.0);
}

/// Outside clip space: a shape all of whose corners are here is not drawn.
const NOWHERE = vec4f(2.0, 2.0, 2.0, 1.0);

/// Corner of one triangle that covers the canvas, for vertices 0 to 2.
fn cover(vertex: u32) -> vec4f {
    return vec4f(f32(vertex & 1u) * 4.0 - 1.0, f32(vertex >> 1u) * 4.0 - 1.0, 0.0, 1.0);
}

/// Corner of a square of two triangles, for vertices 0 to 5; coordinates are ±1.
fn corner(vertex: u32) -> vec2f {
    let index = select(vertex, 6u - vertex, vertex > 2u);
    return vec2f(f32(index & 1u), f32(index >> 1u)) * 2.0 - 1.0;
}

/// The stroke from `a` to `b`, both in pixels, and the pixel where one of its corners lies.
struct Stroke {
    pixel: vec2f,
    /// Along and across the stroke from its start, in pixels.
    local: vec2f,
    span: f32,
}

/// Rectangle around a stroke of half-width `radius` with round ends and a pixel of margin.
/// A stroke from a place to itself is a disc.
fn stroke(a: vec2f, b: vec2f, radius: f32, vertex: u32) -> Stroke {
    let span = length(b - a);
    let along = select(vec2f(1.0, 0.0), (b - a) / max(span, 1e-6), span > 1e-6);
    let side = corner(vertex);
    let margin = radius + 1.0;
    let local = vec2f(select(-margin, span + margin, side.x > 0.0), side.y * margin);
    let across = vec2f(-along.y, along.x);
    return Stroke(a + along * local.x + across * local.y, local, span);
}

/// Distance in pixels from the line that a stroke thickens.
fn off_line(local: vec2f, span: f32) -> f32 {
    return length(vec2f(local.x - clamp(local.x, 0.0, span), local.y));
}

/// Share of a pixel inside a shape whose edge is `distance` pixels away (negative: inside).
fn coverage(distance: f32) -> f32 {
    return clamp(0.5 - distance, 0.0, 1.0);
}
