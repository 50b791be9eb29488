//! The worker's WebAssembly entry.

#[cfg(target_arch = "wasm32")]
fn main() {
    basin::worker::construct();
    basin::worker::start();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    eprintln!("this binary runs in a browser's worker: cargo xtask serve");
}
