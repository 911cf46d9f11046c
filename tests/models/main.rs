//! Every interleaving: the places where threads meet, under schedules that a machine hardly ever makes.
//!
//! A model is a few threads over the files of `src` (`world` has them, with locks and threads that a scheduler
//! leads). It fails if one of its assertions does, and if all threads wait: then a wake-up is missing. Each
//! runs under 10,000 random and 10,000 PCT schedules, `PNGPOST_SCHEDULES` for more. Every atomic counts as
//! sequentially consistent: what a weaker ordering may do is not seen here.

mod run;
mod upload;

use world::thread::{self, JoinHandle};

/// Starts so many threads.
fn spawn(number: u64, run: impl Fn(u64) + Clone + Send + 'static) -> Vec<JoinHandle<()>> {
    let start = |index| {
        let run = run.clone();
        thread::spawn(move || run(index))
    };
    (0..number).map(start).collect()
}

fn join(threads: Vec<JoinHandle<()>>) {
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// Another thread may go on here.
fn switch() {
    thread::sleep(std::time::Duration::ZERO);
}
