// The gates of every level, by the time network: two layers with softplus, then a linear one for each
// layer of the MLP. The CPU's twin is `src/kernel/cpu/gates.rs`.
//
// Contract: one workgroup a level. `embedding` is `[LEVELS, WIDTH]`. `result` gets the gates
// `[DEPTH * LEVELS, WIDTH]`, then the inputs of the two activations `[2, LEVELS, WIDTH]`.

@group(0) @binding(0) var<storage, read_write> weights: array<f32>;
@group(0) @binding(1) var<storage, read_write> embedding: array<f32>;
@group(0) @binding(2) var<storage, read_write> result: array<f32>;

const THREADS = 64u;
const INPUTS = DEPTH * LEVELS * WIDTH;

var<workgroup> signal: array<f32, WIDTH>;

fn softplus(a: f32) -> f32 {
    return max(a, 0.0) + log(1.0 + exp(-abs(a)));
}

fn layer(l: u32, unit: u32) -> f32 {
    let base = PLAIN + l * (WIDTH * WIDTH + WIDTH);
    var sum = weights[base + WIDTH * WIDTH + unit];
    for (var k = 0u; k < WIDTH; k++) {
        sum += weights[base + k * WIDTH + unit] * signal[k];
    }
    return sum;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
    let level = group.x;
    for (var j = t; j < WIDTH; j += THREADS) {
        signal[j] = embedding[level * WIDTH + j];
    }
    workgroupBarrier();
    for (var l = 0u; l < 2u; l++) {
        let inputs = INPUTS + (l * LEVELS + level) * WIDTH;
        for (var j = t; j < WIDTH; j += THREADS) {
            result[inputs + j] = layer(l, j);
        }
        workgroupBarrier();
        for (var j = t; j < WIDTH; j += THREADS) {
            signal[j] = softplus(result[inputs + j]);
        }
        workgroupBarrier();
    }
    for (var l = 0u; l < DEPTH; l++) {
        for (var j = t; j < WIDTH; j += THREADS) {
            result[(l * LEVELS + level) * WIDTH + j] = layer(2u + l, j);
        }
    }
}
