// Sums of squares of a gradient's parts, for its length.
//
// Contract: PARTS workgroups; workgroup p adds up every PARTS-th run of 64 numbers from run p on, in
// an order that does not change.

struct Info {
    numbers: u32,
}

@group(0) @binding(0) var<storage, read_write> gradient: array<f32>;
@group(0) @binding(1) var<storage, read_write> info: Info;
@group(0) @binding(2) var<storage, read_write> result: array<f32>;

var<workgroup> parts: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
    var sum = 0.0;
    for (var i = 64u * group.x + t; i < info.numbers; i += 64u * PARTS) {
        sum += gradient[i] * gradient[i];
    }
    parts[t] = sum;
    workgroupBarrier();
    if t == 0u {
        var all = 0.0;
        for (var i = 0u; i < 64u; i++) {
            all += parts[i];
        }
        result[group.x] = all;
    }
}
