//! Work on all cores.

/// What `work` gives for 0, 1, … `count - 1`, in that order. Each thread works on what is next and has
/// room of its own, which `room` makes.
#[cfg(not(target_arch = "wasm32"))]
pub fn in_order<R, W: Send>(
    count: usize,
    room: impl Fn() -> R + Sync,
    work: impl Fn(&mut R, usize) -> W + Sync,
) -> Vec<W> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let next = std::sync::Mutex::new(0..count);
    let take = || next.lock().unwrap_or_else(|e| e.into_inner()).next();
    let run = || {
        let mut room = room();
        let mut done = Vec::new();
        while let Some(i) = take() {
            done.push((i, work(&mut room, i)));
        }
        done
    };
    let mut all: Vec<(usize, W)> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..cores.min(count)).map(|_| scope.spawn(run)).collect();
        let mut all = run();
        for other in others {
            match other.join() {
                Ok(done) => all.extend(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    });
    all.sort_unstable_by_key(|(i, _)| *i);
    all.into_iter().map(|(_, w)| w).collect()
}

/// The same on the one thread that there is.
#[cfg(target_arch = "wasm32")]
pub fn in_order<R, W>(
    count: usize,
    room: impl Fn() -> R,
    work: impl Fn(&mut R, usize) -> W,
) -> Vec<W> {
    let mut room = room();
    (0..count).map(|i| work(&mut room, i)).collect()
}
