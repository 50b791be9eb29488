//! WebAssembly for browsers without relaxed SIMD
//! (<https://github.com/WebAssembly/relaxed-simd>), of which Basin's kernels use the multiply-add.
//!
//! Invariant: a module differs from the one that it is made of only in that a multiplication and an addition
//! stand where a multiply-add stood, and no browser that has SIMD refuses it for its instructions.

use crate::process::Result;
use crate::section::{leb, part, push};
use std::ops::Range;
use wasmparser::{
    CompositeInnerType, FunctionBody, Operator, Parser, Payload, Validator, WasmFeatures,
};

const CODE: u8 = 10;
const V128: u8 = 0x7b;
const LOCAL_GET: u8 = 0x20;
const LOCAL_SET: u8 = 0x21;
const F32X4_MUL: [u8; 3] = [0xfd, 0xe6, 0x01];
const F32X4_ADD: [u8; 3] = [0xfd, 0xe4, 0x01];

/// The module with each `f32x4.relaxed_madd` in two steps.
///
/// # Errors
/// When it is no module, or has other relaxed instructions.
pub fn without_relaxed_simd(wasm: &[u8]) -> Result<Vec<u8>> {
    let broken = |error| format!("cannot rewrite a wasm file: {error}");
    let mut out = Vec::with_capacity(wasm.len() + wasm.len() / 8);
    // Parameters of each type, and of each function.
    let (mut types, mut functions) = (Vec::new(), Vec::new());
    let mut bodies = Vec::new();
    let mut count = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(broken)?;
        match &payload {
            Payload::Version { range, .. } => out.extend(part(wasm, range.clone())),
            Payload::TypeSection(section) => {
                for group in section.clone() {
                    for kind in group.map_err(broken)?.types() {
                        types.push(match &kind.composite_type.inner {
                            CompositeInnerType::Func(function) => function.params().len(),
                            _ => 0,
                        });
                    }
                }
            }
            Payload::FunctionSection(section) => {
                for kind in section.clone() {
                    let kind = kind.map_err(broken)? as usize;
                    functions.push(types.get(kind).copied().unwrap_or_default());
                }
            }
            Payload::CodeSectionStart { count: bodies, .. } => count = *bodies as usize,
            Payload::CodeSectionEntry(body) => {
                let parameters = functions.get(bodies.len()).copied().unwrap_or_default();
                bodies.push(rewritten(wasm, body, parameters).map_err(broken)?);
                if bodies.len() == count {
                    let mut code = leb(count);
                    for body in &bodies {
                        code.extend(leb(body.len()));
                        code.extend(body);
                    }
                    push(&mut out, CODE, &code);
                }
            }
            _ => {}
        }
        match payload.as_section() {
            Some((id, range)) if id != CODE => push(&mut out, id, part(wasm, range)),
            _ => {}
        }
    }
    let features = WasmFeatures::all().difference(WasmFeatures::RELAXED_SIMD);
    let mut validator = Validator::new_with_features(features);
    validator.validate_all(&out).map_err(broken)?;
    Ok(out)
}

/// A function's body, given how many parameters it has.
fn rewritten(wasm: &[u8], body: &FunctionBody, parameters: usize) -> wasmparser::Result<Vec<u8>> {
    let mut operators = body.get_operators_reader()?;
    let start = operators.original_position();
    let mut relaxed = Vec::new();
    while !operators.eof() {
        let (operator, at) = operators.read_with_offset()?;
        if matches!(operator, Operator::F32x4RelaxedMadd) {
            relaxed.push(at..operators.original_position());
        }
    }
    if relaxed.is_empty() {
        return Ok(part(wasm, body.range()).to_vec());
    }
    let mut locals = body.get_locals_reader()?;
    let groups = locals.get_count() as usize;
    let declared = locals.original_position()..start;
    let mut addend = parameters;
    for _ in 0..groups {
        addend += locals.read()?.0 as usize;
    }
    let addend = leb(addend);
    let mut out = leb(groups + 1);
    out.extend(part(wasm, declared));
    out.extend([1, V128]);
    let mut from = start;
    for Range { start, end } in relaxed {
        out.extend(part(wasm, from..start));
        out.push(LOCAL_SET);
        out.extend(&addend);
        out.extend(F32X4_MUL);
        out.push(LOCAL_GET);
        out.extend(&addend);
        out.extend(F32X4_ADD);
        from = end;
    }
    out.extend(part(wasm, from..body.range().end));
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A function of three parameters, with the locals and the code given.
    fn module(locals: &[u8], code: &[u8]) -> Vec<u8> {
        let mut wasm = b"\0asm\x01\0\0\0".to_vec();
        push(&mut wasm, 1, &[1, 0x60, 3, V128, V128, V128, 1, V128]);
        push(&mut wasm, 3, &[1, 0]);
        let mut body = locals.to_vec();
        body.extend(code);
        body.push(0x0b);
        let mut section = vec![1];
        section.extend(leb(body.len()));
        section.extend(body);
        push(&mut wasm, CODE, &section);
        push(&mut wasm, 0, b"\x04rest...");
        wasm
    }

    const PARAMETERS: [u8; 6] = [LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2];
    const MADD: [u8; 3] = [0xfd, 0x85, 0x02];

    #[test]
    fn a_multiply_add_becomes_two_steps() {
        let relaxed = module(&[1, 200, 1, 0x7f], &[&PARAMETERS[..], &MADD].concat());
        let two = [
            &[LOCAL_SET, 203, 1][..],
            &F32X4_MUL,
            &[LOCAL_GET, 203, 1],
            &F32X4_ADD,
        ];
        let code = [&PARAMETERS[..], &two.concat()].concat();
        let right = module(&[2, 200, 1, 0x7f, 1, V128], &code);
        assert_eq!(without_relaxed_simd(&relaxed), Ok(right.clone()));
        // What has none stays as it is.
        assert_eq!(without_relaxed_simd(&right), Ok(right));
    }

    #[test]
    fn other_relaxed_instructions_and_other_bytes_are_refused() {
        const NEGATED: [u8; 3] = [0xfd, 0x86, 0x02];
        assert!(
            without_relaxed_simd(&module(&[0], &[&PARAMETERS[..], &NEGATED].concat())).is_err()
        );
        assert!(without_relaxed_simd(b"wasm").is_err());
    }
}
