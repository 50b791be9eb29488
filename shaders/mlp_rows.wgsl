
// One batch, each row with its label and weight.

@group(0) @binding(2) var<storage, read_write> points: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read_write> marks: array<vec2<f32>>;

fn load(row: u32) -> Row {
    let point = points[row];
    let mark = marks[row];
    return Row(point.x, point.y, u32(mark.x), mark.y);
}
