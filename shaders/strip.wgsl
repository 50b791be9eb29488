// The density at every noise level, side by side, one triangle over the canvas. After colour.wgsl
// and view.wgsl.
//
// In: energy, one row of `view.grid`² values a level; range as in heat.wgsl. Level k has the
// column from k / levels to (k + 1) / levels of the width, in it a centred square with 4 % padding
// and round corners. Out: colour with opacity multiplied in, transparent outside the squares.

@group(0) @binding(1) var<storage, read> energy: array<f32>;
@group(0) @binding(2) var<storage, read> range: array<vec4f>;

@vertex
fn corners(@builtin(vertex_index) vertex: u32) -> @builtin(position) vec4f {
    return cover(vertex);
}

@fragment
fn shade(@builtin(position) position: vec4f) -> @location(0) vec4f {
    let column = view.pixels.x / f32(view.levels);
    let level = min(u32(position.x / column), view.levels - 1u);
    let half_side = 0.46 * min(column, view.pixels.y);
    let middle = vec2f((f32(level) + 0.5) * column, 0.5 * view.pixels.y);
    let place = (position.xy - middle) * vec2f(1.0, -1.0) / half_side;

    let near = tap(place * 0.5 + 0.5, view.grid);
    let cell = near.cell + level * view.grid * view.grid;
    let e = dot(near.weight, vec4f(energy[cell.x], energy[cell.y], energy[cell.z], energy[cell.w]));
    let row = range[level];
    let peak = log(max(row.w, 1e-30));
    let value = exp(GAMMA * min(-e - row.z - peak, 0.0));
    let colour = select(BLANK, sequential(value), finite(e + row.z));

    let radius = 0.16 * half_side;
    let outside = abs(position.xy - middle) - (half_side - radius);
    let edge = length(max(outside, vec2f(0.0))) + min(max(outside.x, outside.y), 0.0) - radius;
    return vec4f(colour, 1.0) * coverage(edge);
}
