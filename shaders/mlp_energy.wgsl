// Energies of points, and with GRADIENT their input gradients.
//
// Contract: row r of the output is (energy, dE/dx, dE/dy) of point r at its label, or just the
// energy without GRADIENT. With `each` the rows are points times LEVELS, level by level within a
// point, and labels are not read.

struct Info {
    rows: u32,
    // Entries of `labels`: one a row, or one for all.
    labels: u32,
    // Levels of each point, or 0 to take one label a row.
    each: u32,
}

@group(0) @binding(2) var<storage, read_write> points: array<f32>;
@group(0) @binding(3) var<storage, read_write> labels: array<f32>;
@group(0) @binding(4) var<storage, read_write> info: Info;
@group(0) @binding(5) var<storage, read_write> result: array<f32>;

fn record_output(layer: u32, unit: u32, q: u32, value: vec4<f32>) {}
fn record_slope(layer: u32, unit: u32, q: u32, value: vec4<f32>) {}
fn record_gate(layer: u32, unit: u32, q: u32, value: vec4<f32>) {}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
    let first_row = 4u * QUADS * party(group.x, t);
    for (var r = 0u; r < 4u * QUADS; r++) {
        let row = min(first_row + r, info.rows - 1u);
        let q = r / 4u;
        let i = r % 4u;
        var point = row;
        if info.each > 0u {
            point = row / info.each;
            at[q].level[i] = row % info.each;
        } else {
            at[q].level[i] = u32(labels[min(row, info.labels - 1u)]);
        }
        at[q].x[i] = points[2u * point];
        at[q].y[i] = points[2u * point + 1u];
        at[q].scale[i] = 1.0;
    }
    evaluate(t);
    for (var r = 0u; r < 4u * QUADS; r++) {
        let row = first_row + r;
        let q = r / 4u;
        let i = r % 4u;
        if !writes(t, r) || row >= info.rows {
            continue;
        }
        if GRADIENT {
            result[3u * row] = at[q].energy[i];
            result[3u * row + 1u] = at[q].grad_x[i];
            result[3u * row + 2u] = at[q].grad_y[i];
        } else {
            result[row] = at[q].energy[i];
        }
    }
}
