// Score arrows -∂E/∂x on a coarse grid. After colour.wgsl and view.wgsl.
//
// In: score on a grid of side `view.arrows`, x fastest, lowest y first; one instance a cell,
// 6 vertices an instance. The length is a share of the cell, s / (1 + s) for a score that gains
// s nats over one cell: small scores keep their ratios, large ones stay in their cell.
// Out: colour with opacity multiplied in.

@group(0) @binding(1) var<storage, read> score: array<vec2f>;

struct Arrow {
    @builtin(position) position: vec4f,
    @location(0) local: vec2f,
    @location(1) @interpolate(flat) span: f32,
    @location(2) @interpolate(flat) head: f32,
}

@vertex
fn corners(@builtin(vertex_index) vertex: u32, @builtin(instance_index) cell: u32) -> Arrow {
    let side = 2.0 * view.reach / f32(view.arrows);
    let index = vec2f(f32(cell % view.arrows), f32(cell / view.arrows));
    let centre = view.scene - view.reach + (index + 0.5) * side;
    let size = length(score[cell]);
    let gain = size * side;
    let half_arrow = score[cell] / max(size, 1e-12) * (0.42 * side * gain / (1.0 + gain));
    let a = pixel_of(centre - half_arrow);
    let b = pixel_of(centre + half_arrow);
    let span = length(b - a);
    let head = min(4.5 * view.mark, 0.5 * span);
    let mark = stroke(a, b, head, vertex);
    let shown = finite(gain) && span > 1.0;
    return Arrow(select(NOWHERE, clip_of(mark.pixel), shown), mark.local, span, head);
}

@fragment
fn shade(arrow: Arrow) -> @location(0) vec4f {
    let neck = arrow.span - arrow.head;
    let shaft = off_line(arrow.local, neck) - 0.55 * view.mark;
    // The head is a triangle of half-width head / 2; (1, 2) / √5 is the normal of its flank.
    let flank = dot(vec2f(arrow.local.x - arrow.span, abs(arrow.local.y)), vec2f(0.44721, 0.89443));
    let tip = max(flank, neck - arrow.local.x);
    return premultiplied(ARROW, coverage(min(shaft, tip)));
}
