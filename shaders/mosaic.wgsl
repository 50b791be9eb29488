// Small images side by side, one triangle over the canvas. After colour.wgsl and view.wgsl.
//
// In: images, rows of 3 · 32 · 32 values from -1 to 1, channel by channel; `view.levels` of them,
// `view.grid` in a row from the top left. Each has a square cell of the canvas, less a gap of
// `view.mark` pixels at its right and lower edge, and every value fills a whole small square. Out:
// colour, transparent outside the images.

@group(0) @binding(1) var<storage, read> images: array<f32>;

const SIDE: u32 = 32u;

@vertex
fn corners(@builtin(vertex_index) vertex: u32) -> @builtin(position) vec4f {
    return cover(vertex);
}

@fragment
fn shade(@builtin(position) position: vec4f) -> @location(0) vec4f {
    let cell = view.pixels.x / f32(view.grid);
    let place = vec2u(position.xy / cell);
    let image = place.y * view.grid + place.x;
    let inside = position.xy - vec2f(place) * cell;
    if image >= view.levels || place.x >= view.grid || any(inside >= vec2f(cell - view.mark)) {
        return vec4f(0.0);
    }
    let pixel = min(vec2u(inside / (cell - view.mark) * f32(SIDE)), vec2u(SIDE - 1u));
    let first = image * 3u * SIDE * SIDE + pixel.y * SIDE + pixel.x;
    let value = vec3f(
        images[first], images[first + SIDE * SIDE], images[first + 2u * SIDE * SIDE],
    );
    return vec4f(clamp(value * 0.5 + 0.5, vec3f(0.0), vec3f(1.0)), 1.0);
}
