//! WebAssembly without the names of its functions, which are a third of it and serve debuggers only.
//!
//! Invariant: every other section stays, byte for byte and in order.

use crate::process::Result;

const PREAMBLE: usize = 8;
const CUSTOM: u8 = 0;

/// The module without its name section (<https://webassembly.github.io/spec/core/appendix/custom.html>).
///
/// # Errors
/// When it is no module, or a section ends beyond it.
pub fn stripped(wasm: &[u8]) -> Result<Vec<u8>> {
    let broken = || "this is no WebAssembly module".to_owned();
    let (preamble, mut rest) = wasm.split_at_checked(PREAMBLE).ok_or_else(broken)?;
    if !preamble.starts_with(b"\0asm") {
        return Err(broken());
    }
    let mut out = preamble.to_vec();
    while let Some((&kind, after)) = rest.split_first() {
        let (size, head) = number(after).ok_or_else(broken)?;
        let end = 1 + head + size;
        let section = rest.get(..end).ok_or_else(broken)?;
        let is_name = kind == CUSTOM && section[1 + head..].starts_with(b"\x04name");
        if !is_name {
            out.extend(section);
        }
        rest = &rest[end..];
    }
    Ok(out)
}

/// A LEB128 number of 32 bits, and how many bytes it takes.
fn number(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0usize;
    for (i, byte) in bytes.iter().enumerate().take(5) {
        value |= usize::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some((value, i + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(sections: &[(u8, &[u8])]) -> Vec<u8> {
        let mut wasm = b"\0asm\x01\0\0\0".to_vec();
        for (kind, body) in sections {
            wasm.push(*kind);
            // Two bytes, though one would do: linkers pad.
            wasm.extend([body.len() as u8 | 0x80, 0]);
            wasm.extend(*body);
        }
        wasm
    }

    #[test]
    fn only_the_names_go() {
        let code: (u8, &[u8]) = (10, b"code");
        let target: (u8, &[u8]) = (0, b"\x0ftarget_features1");
        let names: (u8, &[u8]) = (0, b"\x04name12345");
        let with = module(&[code, names, target]);
        assert_eq!(stripped(&with), Ok(module(&[code, target])));
        assert_eq!(stripped(&module(&[code])), Ok(module(&[code])));
    }

    #[test]
    fn what_is_no_module_is_refused() {
        assert!(stripped(b"wasm").is_err());
        let whole = module(&[(10, b"code")]);
        assert!(stripped(&whole[..whole.len() - 1]).is_err());
    }
}
