// Forward and backward pass of weighted rows, with all that a parameter gradient needs written
// down; `mlp_reduce.wgsl` adds it up.
//
// Contract: another file defines `load`, which gives a row's point, label and weight. `tape` gets, for
// each layer, row and unit, the layer's output, the gradient by what enters its activation before the
// gate of the first layer, and the gradient by its gate, all three times the row's weight but the
// first: `[3, DEPTH, rows, WIDTH]`; then `[rows, 5]` with energy, x, y, label and weight.

@group(0) @binding(OWN) var<storage, read_write> info: Info;
@group(0) @binding(OWN + 1) var<storage, read_write> tape: array<f32>;

struct Info {
    rows: u32,
    // Those of the first batch, where there are two.
    first: u32,
}

struct Row {
    x: f32,
    y: f32,
    level: u32,
    weight: f32,
}

var<private> first_row: u32;

fn record(kind: u32, layer: u32, unit: u32, q: u32, value: vec4<f32>) {
    for (var i = 0u; i < 4u; i++) {
        let row = first_row + 4u * q + i;
        if row < info.rows {
            tape[((kind * DEPTH + layer) * info.rows + row) * WIDTH + unit] = value[i];
        }
    }
}

fn record_output(layer: u32, unit: u32, q: u32, value: vec4<f32>) {
    record(0u, layer, unit, q, value);
}

fn record_slope(layer: u32, unit: u32, q: u32, value: vec4<f32>) {
    record(1u, layer, unit, q, value);
}

fn record_gate(layer: u32, unit: u32, q: u32, value: vec4<f32>) {
    if LEVELS > 0u {
        record(2u, layer, unit, q, value);
    }
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
    first_row = 4u * QUADS * party(group.x, t);
    for (var r = 0u; r < 4u * QUADS; r++) {
        let row = load(min(first_row + r, info.rows - 1u));
        let q = r / 4u;
        let i = r % 4u;
        at[q].x[i] = row.x;
        at[q].y[i] = row.y;
        at[q].level[i] = row.level;
        at[q].scale[i] = row.weight;
    }
    evaluate(t);
    for (var r = 0u; r < 4u * QUADS; r++) {
        let row = first_row + r;
        if !writes(t, r) || row >= info.rows {
            continue;
        }
        let q = r / 4u;
        let i = r % 4u;
        let place = 3u * DEPTH * info.rows * WIDTH + 5u * row;
        tape[place] = at[q].energy[i];
        tape[place + 1u] = at[q].x[i];
        tape[place + 2u] = at[q].y[i];
        tape[place + 3u] = f32(at[q].level[i]);
        tape[place + 4u] = at[q].scale[i];
    }
}
