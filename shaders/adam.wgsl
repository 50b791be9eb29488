// A step of Adam (Kingma & Ba, arXiv 1412.6980, algorithm 1) along a gradient that is shortened to a
// length first, and the running average of the weights.
//
// Contract: `squares` is what `norm.wgsl` left. `result` gets weights, first and second moments and average,
// each `info.stride` entries after the one before, then the gradient's length.

struct Info {
    numbers: u32,
    stride: u32,
    // Learning rate, by the bias of the first moment.
    rate: f32,
    // One by the bias of the second moment.
    root: f32,
    beta1: f32,
    beta2: f32,
    // Longest gradient, 0 for any.
    clip: f32,
    // Memory of the average, negative for none.
    memory: f32,
}

@group(0) @binding(0) var<storage, read_write> weights: array<f32>;
@group(0) @binding(1) var<storage, read_write> gradient: array<f32>;
@group(0) @binding(2) var<storage, read_write> first: array<f32>;
@group(0) @binding(3) var<storage, read_write> second: array<f32>;
@group(0) @binding(4) var<storage, read_write> average: array<f32>;
@group(0) @binding(5) var<storage, read_write> squares: array<f32>;
@group(0) @binding(6) var<storage, read_write> info: Info;
@group(0) @binding(7) var<storage, read_write> result: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let i = id.x;
    var sum = 0.0;
    for (var p = 0u; p < PARTS; p++) {
        sum += squares[p];
    }
    let length = sqrt(sum);
    if i == 0u {
        result[4u * info.stride] = length;
    }
    if i >= info.numbers {
        return;
    }
    var g = gradient[i];
    if info.clip > 0.0 {
        g *= info.clip / max(length, info.clip);
    }
    let m = info.beta1 * first[i] + (1.0 - info.beta1) * g;
    let v = info.beta2 * second[i] + (1.0 - info.beta2) * g * g;
    let w = weights[i] - info.rate * m / (sqrt(v * info.root) + 1e-8);
    result[i] = w;
    result[info.stride + i] = m;
    result[2u * info.stride + i] = v;
    if info.memory >= 0.0 {
        result[3u * info.stride + i] = info.memory * average[i] + (1.0 - info.memory) * w;
    }
}
