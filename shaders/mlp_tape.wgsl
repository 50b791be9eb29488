// Forward and backward pass of weighted rows, with all that a parameter gradient needs written
// down; `mlp_reduce.wgsl` adds it up.
//
// Contract: `tape` holds, for each layer, row and unit, the layer's output, the gradient by what
// enters its activation before the gate of the first layer, and the gradient by its gate, all
// three times the row's weight but the first: `[3, DEPTH, rows, WIDTH]`; then the rows' energies.

struct Info {
    rows: u32,
}

@group(0) @binding(2) var<storage, read_write> points: array<f32>;
// Label and weight of each row.
@group(0) @binding(3) var<storage, read_write> marks: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read_write> info: Info;
@group(0) @binding(5) var<storage, read_write> tape: array<f32>;

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
        let row = min(first_row + r, info.rows - 1u);
        let q = r / 4u;
        let i = r % 4u;
        at[q].x[i] = points[2u * row];
        at[q].y[i] = points[2u * row + 1u];
        at[q].level[i] = u32(marks[row].x);
        at[q].scale[i] = marks[row].y;
    }
    evaluate(t);
    for (var r = 0u; r < 4u * QUADS; r++) {
        let row = first_row + r;
        if writes(t, r) && row < info.rows {
            tape[3u * DEPTH * info.rows * WIDTH + row] = at[r / 4u].energy[r % 4u];
        }
    }
}
