// Loads and nothing else: how many numbers an adapter reads a second, each at an address that is found while
// running and is the same in every invocation, as a weight's is.
//
// Contract: every invocation adds up ROUNDS times eight of the 512 `numbers`, and writes the sum.

const ROUNDS = 2048u;

@group(0) @binding(0) var<storage, read_write> numbers: array<f32>;
@group(0) @binding(1) var<storage, read_write> result: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    var sum = 0.0;
    for (var round = 0u; round < ROUNDS; round++) {
        let first = (round & 63u) * 8u;
        sum += numbers[first];
        sum += numbers[first + 1u];
        sum += numbers[first + 2u];
        sum += numbers[first + 3u];
        sum += numbers[first + 4u];
        sum += numbers[first + 5u];
        sum += numbers[first + 6u];
        sum += numbers[first + 7u];
    }
    result[id.x] = sum;
}
