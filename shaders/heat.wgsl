// Heat map of the learned energy, one triangle over the canvas. After colour.wgsl and view.wgsl.
//
// In: energy and truth at `view.level` on a grid of side `view.grid`, x fastest, lowest y first;
// range, one row a level: lowest energy, highest energy, log Z, highest true density.
// Out: an opaque colour. Density: (exp(-E) / Z over the truth's peak, 1 at most) to the power GAMMA,
// so that models compare. Energy: likely is bright, as for the density. Difference: the density
// minus the truth, over the same peak. Energies, not colours, are interpolated.
// BLANK outside the grids and where a value is no number.

@group(0) @binding(1) var<storage, read> energy: array<f32>;
@group(0) @binding(2) var<storage, read> truth: array<f32>;
@group(0) @binding(3) var<storage, read> range: array<vec4f>;

@vertex
fn corners(@builtin(vertex_index) vertex: u32) -> @builtin(position) vec4f {
    return cover(vertex);
}

@fragment
fn shade(@builtin(position) position: vec4f) -> @location(0) vec4f {
    let place = (plane_of(position.xy) - view.scene) / view.reach;
    let near = tap(place * 0.5 + 0.5, view.grid);
    let e = dot(near.weight, vec4f(energy[near.cell.x], energy[near.cell.y],
                                   energy[near.cell.z], energy[near.cell.w]));
    let row = range[view.level];
    let nats = e - row.x;
    let change = fwidth(nats);

    let peak = log(max(row.w, 1e-30));
    let height = min(-e - row.z - peak, 0.0);
    var value = exp(GAMMA * height);
    var colour = sequential(value);
    if view.picture == 1u {
        value = 1.0 - nats / ENERGY_SPAN;
        colour = sequential(value);
    } else if view.picture == 2u {
        let t = dot(near.weight, vec4f(truth[near.cell.x], truth[near.cell.y],
                                       truth[near.cell.z], truth[near.cell.w]));
        value = exp(height) - t * exp(-peak);
        colour = diverging(sign(value) * pow(abs(value), GAMMA));
    }
    if view.contours == 1u {
        colour = contoured(colour, contour(nats, change));
    }
    let shown = all(abs(place) <= vec2f(1.0)) && finite(value) && finite(nats + row.z);
    return vec4f(select(BLANK, colour, shown), 1.0);
}
