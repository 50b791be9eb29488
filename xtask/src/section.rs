//! The sections that a WebAssembly module consists of.
//!
//! Invariant: what is written is as short as the format allows.

use std::ops::Range;

/// The bytes that the parser gave this range.
pub fn part(wasm: &[u8], Range { start, end }: Range<u64>) -> &[u8] {
    &wasm[start as usize..end as usize]
}

/// Appends a section.
pub fn push(out: &mut Vec<u8>, id: u8, content: &[u8]) {
    out.push(id);
    out.extend(leb(content.len()));
    out.extend(content);
}

/// A number in LEB128.
pub fn leb(mut number: usize) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            out.push(low);
            return out;
        }
        out.push(low | 0x80);
    }
}
