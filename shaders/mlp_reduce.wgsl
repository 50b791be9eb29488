// The parameter gradient of a weighted sum of energies, from the tape of `mlp_tape.wgsl`.
//
// Contract: `result` gets the gradient by the plain part of the flat buffer, from LOSS on the weighted
// sum itself, from GATES on the gradient by the gates `[DEPTH, LEVELS, WIDTH]`. The matrices of the hidden
// layers are the work of the first invocations, which take BLOCK rows and four columns of one each: a
// number that is loaded serves as many sums as can be held. Rows of the tape are added in their
// order, so that equal input gives equal bits.

const BLOCK = 8u;
const BLOCKS_DOWN = (WIDTH + BLOCK - 1u) / BLOCK;
const BLOCKS_ACROSS = (WIDTH + 3u) / 4u;
const BLOCKS = (DEPTH - 1u) * BLOCKS_DOWN * BLOCKS_ACROSS;
const HEAD = PLAIN - WIDTH - 1u;
// Entries that no block holds: the first layer, the biases of the others, the output layer, gates, sum.
const FIRST = 3u * WIDTH;
const BIASES = (DEPTH - 1u) * WIDTH;
const GATE_ENTRIES = DEPTH * LEVELS * WIDTH;

struct Info {
    rows: u32,
    first: u32,
}

@group(0) @binding(0) var<storage, read_write> tape: array<f32>;
@group(0) @binding(1) var<storage, read_write> info: Info;
@group(0) @binding(2) var<storage, read_write> result: array<f32>;

// Row by row within a kind and layer.
fn taped(kind: u32, layer: u32, row: u32, unit: u32) -> f32 {
    return tape[((kind * DEPTH + layer) * info.rows + row) * WIDTH + unit];
}

// 0 energy, 1 x, 2 y, 3 label, 4 weight.
fn noted(row: u32, what: u32) -> f32 {
    return tape[3u * DEPTH * info.rows * WIDTH + 5u * row + what];
}

fn matrix(l: u32) -> u32 {
    return 3u * WIDTH + (l - 1u) * (WIDTH * WIDTH + WIDTH);
}

fn four(kind: u32, layer: u32, row: u32, unit: u32) -> vec4<f32> {
    // Beyond the edge of the matrix lies another number of the tape, which is not written anywhere.
    let place = ((kind * DEPTH + layer) * info.rows + row) * WIDTH + unit;
    return vec4(tape[place], tape[place + 1u], tape[place + 2u], tape[place + 3u]);
}

fn block(index: u32) {
    let l = 1u + index / (BLOCKS_DOWN * BLOCKS_ACROSS);
    let within = index % (BLOCKS_DOWN * BLOCKS_ACROSS);
    let i = within / BLOCKS_ACROSS * BLOCK;
    let j = within % BLOCKS_ACROSS * 4u;
    var s0 = vec4(0.0);
    var s1 = vec4(0.0);
    var s2 = vec4(0.0);
    var s3 = vec4(0.0);
    var s4 = vec4(0.0);
    var s5 = vec4(0.0);
    var s6 = vec4(0.0);
    var s7 = vec4(0.0);
    for (var row = 0u; row < info.rows; row++) {
        let low = four(0u, l - 1u, row, i);
        let high = four(0u, l - 1u, row, i + 4u);
        let by = four(1u, l, row, j);
        s0 = fma(vec4(low.x), by, s0);
        s1 = fma(vec4(low.y), by, s1);
        s2 = fma(vec4(low.z), by, s2);
        s3 = fma(vec4(low.w), by, s3);
        s4 = fma(vec4(high.x), by, s4);
        s5 = fma(vec4(high.y), by, s5);
        s6 = fma(vec4(high.z), by, s6);
        s7 = fma(vec4(high.w), by, s7);
    }
    var sums = array<vec4<f32>, BLOCK>(s0, s1, s2, s3, s4, s5, s6, s7);
    for (var a = 0u; a < BLOCK; a++) {
        for (var b = 0u; b < 4u; b++) {
            if i + a < WIDTH && j + b < WIDTH {
                result[matrix(l) + (i + a) * WIDTH + j + b] = sums[a][b];
            }
        }
    }
}

fn of_first(entry: u32) -> f32 {
    let source = entry / WIDTH;
    let unit = entry % WIDTH;
    var sum = 0.0;
    for (var row = 0u; row < info.rows; row++) {
        var input = 1.0;
        if source < 2u {
            input = noted(row, 1u + source);
        }
        sum += input * taped(1u, 0u, row, unit);
    }
    return sum;
}

fn of_bias(l: u32, unit: u32) -> f32 {
    var sum = 0.0;
    for (var row = 0u; row < info.rows; row++) {
        sum += taped(1u, l, row, unit);
    }
    return sum;
}

fn of_output(entry: u32) -> f32 {
    var sum = 0.0;
    for (var row = 0u; row < info.rows; row++) {
        var input = 1.0;
        if entry < WIDTH {
            input = taped(0u, DEPTH - 1u, row, entry);
        }
        sum += input * noted(row, 4u);
    }
    return sum;
}

fn of_gate(entry: u32) -> f32 {
    let unit = entry % WIDTH;
    let level = (entry / WIDTH) % max(LEVELS, 1u);
    let layer = entry / (WIDTH * max(LEVELS, 1u));
    var sum = 0.0;
    for (var row = 0u; row < info.rows; row++) {
        if u32(noted(row, 3u)) == level {
            sum += taped(2u, layer, row, unit);
        }
    }
    return sum;
}

fn loss() -> f32 {
    var sum = 0.0;
    for (var row = 0u; row < info.rows; row++) {
        sum += noted(row, 4u) * noted(row, 0u);
    }
    return sum;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    var entry = id.x;
    if entry < BLOCKS {
        block(entry);
        return;
    }
    entry -= BLOCKS;
    if entry < FIRST {
        result[entry] = of_first(entry);
        return;
    }
    entry -= FIRST;
    if entry < BIASES {
        let l = 1u + entry / WIDTH;
        let unit = entry % WIDTH;
        result[matrix(l) + WIDTH * WIDTH + unit] = of_bias(l, unit);
        return;
    }
    entry -= BIASES;
    if entry <= WIDTH {
        result[HEAD + entry] = of_output(entry);
        return;
    }
    entry -= WIDTH + 1u;
    if entry < GATE_ENTRIES {
        result[GATES + entry] = of_gate(entry);
        return;
    }
    if entry == GATE_ENTRIES {
        result[LOSS] = loss();
    }
}
