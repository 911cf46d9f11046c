//! Runs a model under many schedules. The first one that ends in a panic or in a deadlock is printed, and can
//! be repeated: `PNGPOST_SCHEDULE=... cargo test --test models NAME`.

use real::env;

use shuttle::rand::{Rng, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler, ReplayScheduler, Scheduler};
use shuttle::{Config, Runner};

use crate::{thread, time};

/// Of each kind, unless `PNGPOST_SCHEDULES` says otherwise.
const SCHEDULES: usize = 10_000;

/// The number of threads that a PCT schedule sets back, at steps of its choice: what goes wrong only if so many
/// events come in one order is found.
const DEPTH: usize = 3;

/// Under random schedules, and under as many that let one thread run as far as it can (PCT).
pub fn check(model: impl Fn() + Copy + Send + Sync + 'static) {
    if is_repeated(model) {
        return;
    }
    let number = env::var("PNGPOST_SCHEDULES").map(|number| number.parse().expect("a number"));
    let number = number.unwrap_or(SCHEDULES);
    run(model, RandomScheduler::new(number));
    run(model, PctScheduler::new(DEPTH, number));
}

/// A number from 0 that is less than `limit`: a schedule's choice, like that of the next thread.
pub fn choose(limit: usize) -> usize {
    thread_rng().gen_range(0..limit)
}

fn is_repeated(model: impl Fn() + Copy + Send + Sync + 'static) -> bool {
    let schedule = env::var("PNGPOST_SCHEDULE");
    if let Ok(schedule) = &schedule {
        run(model, ReplayScheduler::new_from_encoded(schedule));
    }
    schedule.is_ok()
}

fn run(model: impl Fn() + Copy + Send + Sync + 'static, scheduler: impl Scheduler + 'static) {
    let mut config = Config::new();
    config.stack_size = 1 << 17;
    // That atomics are sequentially consistent here: the head of the models says it.
    config.silence_warnings = true;
    Runner::new(scheduler, config).run(move || {
        time::begin();
        thread::begin();
        model();
    });
}
