// Data points: small, pale, anti-aliased discs. After colour.wgsl and view.wgsl.
//
// In: places, one instance each, 6 vertices an instance. Out: colour with opacity multiplied in.

@group(0) @binding(1) var<storage, read> places: array<vec2f>;

struct Disc {
    @builtin(position) position: vec4f,
    @location(0) local: vec2f,
}

@vertex
fn corners(@builtin(vertex_index) vertex: u32, @builtin(instance_index) point: u32) -> Disc {
    let centre = pixel_of(places[point]);
    let mark = stroke(centre, centre, DATA_RADIUS * view.mark, vertex);
    return Disc(clip_of(mark.pixel), mark.local);
}

@fragment
fn shade(disc: Disc) -> @location(0) vec4f {
    return premultiplied(DATA, coverage(length(disc.local) - DATA_RADIUS * view.mark));
}
