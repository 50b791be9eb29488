// Starts the worker with the wasm that this browser can run.
import "./relaxed.js";
import init from "./worker.js";

const wasm = self.relaxedSimd ? "worker_bg.wasm" : "worker_plain.wasm";
await init({ module_or_path: new URL(wasm, import.meta.url) });
