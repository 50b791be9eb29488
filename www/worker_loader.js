// Starts the worker with the wasm that this browser can run.
import "./relaxed.js";
import init from "./worker.js";

const [relaxed, plain] = ["worker_bg.wasm", "worker_plain.wasm"];
const start = (wasm) => init({ module_or_path: new URL(wasm, import.meta.url) });

// Without a network there is only the one that was kept, by this browser before it learned relaxed SIMD.
if (self.relaxedSimd) await start(relaxed).catch(() => start(plain));
else await start(plain);
