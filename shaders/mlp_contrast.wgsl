
// Two batches, of data and of chains, with memberships `[rows, max(LEVELS, 1)]`: the weighted sum is
// the difference of their mean energies.

@group(0) @binding(2) var<storage, read_write> data: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read_write> data_member: array<f32>;
@group(0) @binding(4) var<storage, read_write> chains: array<vec2<f32>>;
@group(0) @binding(5) var<storage, read_write> chains_member: array<f32>;

fn load(row: u32) -> Row {
    let of_data = row < info.first;
    let own = row - select(info.first, 0u, of_data);
    var label = 0.0;
    for (var level = 1u; level < LEVELS; level++) {
        let entry = own * LEVELS + level;
        if of_data {
            label += f32(level) * data_member[entry];
        } else {
            label += f32(level) * chains_member[entry];
        }
    }
    // A plain network's label is always 0, but its memberships must be bound.
    if LEVELS == 0u {
        label = 0.0 * (data_member[0] + chains_member[0]);
    }
    if of_data {
        return Row(data[own].x, data[own].y, u32(label), 1.0 / f32(info.first));
    }
    return Row(chains[own].x, chains[own].y, u32(label), -1.0 / f32(info.rows - info.first));
}
