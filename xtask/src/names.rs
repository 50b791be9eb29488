//! WebAssembly without the names of its functions, which are a third of it and serve debuggers only.
//!
//! Invariant: what every other section holds stays, byte for byte and in order.

use crate::process::Result;
use crate::section::{part, push};
use wasmparser::{Parser, Payload};

/// The module without its name section (<https://webassembly.github.io/spec/core/appendix/custom.html>).
///
/// # Errors
/// When it is no module, or a section ends beyond it.
pub fn stripped(wasm: &[u8]) -> Result<Vec<u8>> {
    let broken = |error| format!("cannot take the names out of a wasm file: {error}");
    let mut out = Vec::with_capacity(wasm.len());
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.map_err(broken)? {
            Payload::Version { range, .. } => out.extend(part(wasm, range)),
            Payload::CustomSection(section) if section.name() == "name" => {}
            payload => {
                if let Some((id, range)) = payload.as_section() {
                    push(&mut out, id, part(wasm, range));
                }
            }
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(sections: &[(u8, &[u8])]) -> Vec<u8> {
        let mut wasm = b"\0asm\x01\0\0\0".to_vec();
        for (kind, body) in sections {
            push(&mut wasm, *kind, body);
        }
        wasm
    }

    #[test]
    fn only_the_names_go() {
        let types: (u8, &[u8]) = (1, &[0]);
        let target: (u8, &[u8]) = (0, b"\x0ftarget_features1");
        let names: (u8, &[u8]) = (0, b"\x04name12345");
        let with = module(&[types, names, target]);
        assert_eq!(stripped(&with), Ok(module(&[types, target])));
        assert_eq!(stripped(&module(&[types])), Ok(module(&[types])));
    }

    #[test]
    fn what_is_no_module_is_refused() {
        assert!(stripped(b"wasm").is_err());
        let whole = module(&[(1, &[0])]);
        assert!(stripped(&whole[..whole.len() - 1]).is_err());
    }
}
