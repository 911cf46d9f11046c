//! A clock that stands still until somebody's time is up.

use real::cell::Cell;
use real::ops::{Add, Sub};
use real::thread_local;

pub use real::time::{Duration, SystemTime};

thread_local! {
    // All threads of a model run on one.
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(Duration);

/// A model begins: so far an hour has passed, as some look back.
pub fn begin() {
    NOW.set(Duration::from_secs(3600));
}

/// Time passes until then, if it is not over.
pub fn pass_to(then: Instant) {
    NOW.set(NOW.get().max(then.0));
}

impl Instant {
    pub fn now() -> Self {
        Instant(NOW.get())
    }

    pub fn elapsed(self) -> Duration {
        Instant::now() - self
    }

    pub fn duration_since(self, earlier: Instant) -> Duration {
        self - earlier
    }

    pub fn saturating_duration_since(self, earlier: Instant) -> Duration {
        self - earlier
    }

    pub fn checked_add(self, duration: Duration) -> Option<Self> {
        self.0.checked_add(duration).map(Instant)
    }

    pub fn checked_sub(self, duration: Duration) -> Option<Self> {
        self.0.checked_sub(duration).map(Instant)
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    fn add(self, duration: Duration) -> Instant {
        Instant(self.0 + duration)
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;

    fn sub(self, duration: Duration) -> Instant {
        Instant(self.0 - duration)
    }
}

impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Instant) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}
