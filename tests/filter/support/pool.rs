//! Many runs, a few at a time, and a choice that is the same for the same seed.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::noise;

/// More runs at a time would need more descriptors than a process often may have.
const MOST: usize = 16;

/// Does this for each item; the results are in the order of the items. A run mostly waits: twice as many as cores.
pub fn each<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let take = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { return done };
            done.push((index, work(item)));
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let workers = MOST.min(2 * cores).min(items.len());
    let mut results: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(take)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    results.sort_by_key(|&(index, _)| index);
    results.into_iter().map(|(_, result)| result).collect()
}

/// The seed of a sample: PNGPOST_TORTURE_SEED, or 0.
pub fn seed() -> u64 {
    std::env::var("PNGPOST_TORTURE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0)
}

/// `count` of the items, or all if there are fewer, by a seed.
pub fn sample<T>(mut items: Vec<T>, count: usize, seed: u64) -> Vec<T> {
    let noise = noise(seed, 8 * count.min(items.len()));
    let draws = noise.chunks_exact(8).map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap()));
    let draw = |draw: u64| {
        let index = (draw % items.len() as u64) as usize;
        items.swap_remove(index)
    };
    draws.map(draw).collect()
}
