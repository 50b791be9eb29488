// The parameter gradient of a weighted sum of energies, from the tape of `mlp_tape.wgsl`.
//
// Contract: one invocation an entry of `result`, which holds the gradient by the plain part of the
// flat buffer, then by the gates `[DEPTH, LEVELS, WIDTH]`, then the weighted sum itself. Rows are
// added in their order, so that equal input gives equal bits.

const PLAIN = 3u * WIDTH + (DEPTH - 1u) * (WIDTH * WIDTH + WIDTH) + WIDTH + 1u;
const GATES = DEPTH * LEVELS * WIDTH;

struct Info {
    rows: u32,
}

@group(0) @binding(0) var<storage, read_write> tape: array<f32>;
@group(0) @binding(1) var<storage, read_write> points: array<f32>;
@group(0) @binding(2) var<storage, read_write> marks: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read_write> info: Info;
@group(0) @binding(4) var<storage, read_write> result: array<f32>;

fn taped(kind: u32, layer: u32, row: u32, unit: u32) -> f32 {
    return tape[((kind * DEPTH + layer) * info.rows + row) * WIDTH + unit];
}

// Gradient by entry `at` of a layer: its weights row by row, then its biases.
fn of_layer(layer: u32, at: u32) -> f32 {
    let fan_in = select(WIDTH, 2u, layer == 0u);
    let unit = at % WIDTH;
    let source = at / WIDTH;
    var sum = 0.0;
    for (var row = 0u; row < info.rows; row++) {
        var input = 1.0;
        if source < fan_in {
            if layer == 0u {
                input = points[2u * row + source];
            } else {
                input = taped(0u, layer - 1u, row, source);
            }
        }
        sum += input * taped(1u, layer, row, unit);
    }
    return sum;
}

fn of_output(at: u32) -> f32 {
    var sum = 0.0;
    for (var row = 0u; row < info.rows; row++) {
        var input = 1.0;
        if at < WIDTH {
            input = taped(0u, DEPTH - 1u, row, at);
        }
        sum += input * marks[row].y;
    }
    return sum;
}

fn of_gate(at: u32) -> f32 {
    let unit = at % WIDTH;
    let level = (at / WIDTH) % max(LEVELS, 1u);
    let layer = at / (WIDTH * max(LEVELS, 1u));
    var sum = 0.0;
    for (var row = 0u; row < info.rows; row++) {
        if u32(marks[row].x) == level {
            sum += taped(2u, layer, row, unit);
        }
    }
    return sum;
}

fn loss() -> f32 {
    var sum = 0.0;
    for (var row = 0u; row < info.rows; row++) {
        sum += marks[row].y * tape[3u * DEPTH * info.rows * WIDTH + row];
    }
    return sum;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let at = id.x;
    let head = PLAIN - WIDTH - 1u;
    let layer_size = WIDTH * WIDTH + WIDTH;
    if at < 3u * WIDTH {
        result[at] = of_layer(0u, at);
    } else if at < head {
        let rest = at - 3u * WIDTH;
        result[at] = of_layer(1u + rest / layer_size, rest % layer_size);
    } else if at < PLAIN {
        result[at] = of_output(at - head);
    } else if at < PLAIN + GATES {
        result[at] = of_gate(at - PLAIN);
    } else if at == PLAIN + GATES {
        result[at] = loss();
    }
}
