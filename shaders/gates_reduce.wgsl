// The gradient in the weights of the time network, from the way back through it.
//
// Contract: one invocation a weight; those are entries of `gradient` from PLAIN on. Levels are added
// in their order.

@group(0) @binding(0) var<storage, read_write> embedding: array<f32>;
@group(0) @binding(1) var<storage, read_write> table: array<f32>;
@group(0) @binding(2) var<storage, read_write> back: array<f32>;
@group(0) @binding(3) var<storage, read_write> gradient: array<f32>;

const INPUTS = DEPTH * LEVELS * WIDTH;
const LAYER = WIDTH * WIDTH + WIDTH;

fn softplus(a: f32) -> f32 {
    return max(a, 0.0) + log(1.0 + exp(-abs(a)));
}

// What unit `source` hands to layer l.
fn handed(l: u32, level: u32, source: u32) -> f32 {
    if source == WIDTH {
        return 1.0;
    }
    if l == 0u {
        return embedding[level * WIDTH + source];
    }
    return softplus(table[INPUTS + (min(l - 1u, 1u) * LEVELS + level) * WIDTH + source]);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= (2u + DEPTH) * LAYER {
        return;
    }
    let l = id.x / LAYER;
    let source = (id.x % LAYER) / WIDTH;
    let unit = id.x % LAYER % WIDTH;
    var sum = 0.0;
    for (var level = 0u; level < LEVELS; level++) {
        var by = 0.0;
        if l < 2u {
            by = back[(l * LEVELS + level) * WIDTH + unit];
        } else {
            by = gradient[GATES + ((l - 2u) * LEVELS + level) * WIDTH + unit];
        }
        sum += handed(l, level, source) * by;
    }
    gradient[PLAIN + id.x] = sum;
}
