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

fn record_output(layer: u32, unit: u32, value: vec4<f32>) {}
fn record_slope(layer: u32, unit: u32, value: vec4<f32>) {}
fn record_gate(layer: u32, unit: u32, value: vec4<f32>) {}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
    let first_row = 4u * group.x;
    var x: vec4<f32>;
    var y: vec4<f32>;
    var level: vec4<u32>;
    for (var i = 0u; i < 4u; i++) {
        let row = min(first_row + i, info.rows - 1u);
        var point = row;
        if info.each > 0u {
            point = row / info.each;
            level[i] = row % info.each;
        } else {
            level[i] = u32(labels[min(row, info.labels - 1u)]);
        }
        x[i] = points[2u * point];
        y[i] = points[2u * point + 1u];
    }
    let four = evaluate(t, x, y, level, vec4(1.0));
    let row = first_row + t;
    if t < 4u && row < info.rows {
        if GRADIENT {
            result[3u * row] = four.energy[t];
            result[3u * row + 1u] = four.grad_x[t];
            result[3u * row + 2u] = four.grad_y[t];
        } else {
            result[row] = four.energy[t];
        }
    }
}
