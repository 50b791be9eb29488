// Chains: a tail that fades towards the past and a disc at the newest place. After colour.wgsl
// and view.wgsl.
//
// In: places[step * chains + chain], oldest step first, `view.tail` steps; levels, the noise level
// of each chain, read only if `view.by_level` is 1: chains at other levels are not drawn.
// One instance a chain; 6 vertices a stroke, `view.tail` - 1 strokes of the tail, then the disc.
// Out: colour with opacity multiplied in.

@group(0) @binding(1) var<storage, read> places: array<vec2f>;
@group(0) @binding(2) var<storage, read> levels: array<f32>;

struct Piece {
    @builtin(position) position: vec4f,
    @location(0) local: vec2f,
    @location(1) @interpolate(flat) span: f32,
    @location(2) @interpolate(flat) radius: f32,
    @location(3) @interpolate(flat) opacity: f32,
}

@vertex
fn corners(
    @builtin(vertex_index) vertex: u32,
    @builtin(instance_index) chain: u32,
) -> Piece {
    let chains = arrayLength(&places) / view.tail;
    let piece = vertex / 6u;
    let newest = view.tail - 1u;
    let is_head = piece == newest;
    let a = pixel_of(places[piece * chains + chain]);
    let b = pixel_of(places[min(piece + 1u, newest) * chains + chain]);
    let radius = view.mark * select(TAIL_RADIUS, CHAIN_RADIUS, is_head);
    let share = f32(piece + 1u) / f32(view.tail);
    let opacity = select(TAIL_OPACITY * share, 1.0, is_head);
    let mark = stroke(a, b, radius, vertex % 6u);
    let hidden = view.by_level == 1u && abs(levels[chain] - f32(view.level)) > 0.5;
    return Piece(select(clip_of(mark.pixel), NOWHERE, hidden), mark.local, mark.span, radius, opacity);
}

@fragment
fn shade(piece: Piece) -> @location(0) vec4f {
    let edge = off_line(piece.local, piece.span) - piece.radius;
    let rimmed = select(0.0, view.mark * 0.5, piece.opacity == 1.0);
    let core = premultiplied(CHAIN, piece.opacity * coverage(edge + rimmed));
    return core + premultiplied(RIM, piece.opacity * coverage(edge)) * (1.0 - core.a);
}
