// Says whether this browser has relaxed SIMD, of which the kernels use the multiply-add: the worker comes
// once with it and once without. The bytes are a module whose one function does a multiply-add.
self.relaxedSimd = WebAssembly.validate(
  Uint8Array.of(
    0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, // module, version 1
    1, 5, 1, 0x60, 0, 1, 0x7b, // type 0: nothing to v128
    3, 2, 1, 0, // function 0 is of type 0
    10, 19, 1, 17, 0, // its code
    0x41, 0, 0xfd, 15, 0x41, 0, 0xfd, 15, 0x41, 0, 0xfd, 15, // i32.const 0, i8x16.splat, three times
    0xfd, 0x85, 2, 11, // f32x4.relaxed_madd, end
  ),
);
