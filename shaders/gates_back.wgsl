// The way back through the time network, from derivatives in the gates.
//
// Contract: one workgroup a level. `table` is what `gates.wgsl` left, `gradient` has the derivatives in
// the gates from GATES on, `[DEPTH * LEVELS, WIDTH]`. `result` gets the derivatives in the inputs of
// the two activations, `[2, LEVELS, WIDTH]`.

@group(0) @binding(0) var<storage, read_write> weights: array<f32>;
@group(0) @binding(1) var<storage, read_write> table: array<f32>;
@group(0) @binding(2) var<storage, read_write> gradient: array<f32>;
@group(0) @binding(3) var<storage, read_write> result: array<f32>;

const THREADS = 64u;
const INPUTS = DEPTH * LEVELS * WIDTH;

var<workgroup> signal: array<f32, WIDTH>;

fn sigmoid(a: f32) -> f32 {
    let e = exp(-abs(a));
    return select(1.0, e, a < 0.0) / (1.0 + e);
}

// First weight of what reads unit i in a layer.
fn row(l: u32, i: u32) -> u32 {
    return PLAIN + l * (WIDTH * WIDTH + WIDTH) + i * WIDTH;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
    let level = group.x;
    let low = level * WIDTH;
    let high = (LEVELS + level) * WIDTH;
    for (var i = t; i < WIDTH; i += THREADS) {
        var sum = 0.0;
        for (var l = 0u; l < DEPTH; l++) {
            let by_gate = GATES + (l * LEVELS + level) * WIDTH;
            for (var j = 0u; j < WIDTH; j++) {
                sum += weights[row(2u + l, i) + j] * gradient[by_gate + j];
            }
        }
        let back = sum * sigmoid(table[INPUTS + high + i]);
        result[high + i] = back;
        signal[i] = back;
    }
    workgroupBarrier();
    for (var i = t; i < WIDTH; i += THREADS) {
        var sum = 0.0;
        for (var j = 0u; j < WIDTH; j++) {
            sum += weights[row(1u, i) + j] * signal[j];
        }
        result[low + i] = sum * sigmoid(table[INPUTS + low + i]);
    }
}
