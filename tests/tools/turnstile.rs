//! A turnstile between the threads of a test: some pass it, and others wait until so many have passed.

use std::sync::{Condvar, Mutex};

use super::PATIENCE;

#[derive(Default)]
pub struct Turnstile(Mutex<usize>, Condvar);

impl Turnstile {
    pub fn pass_one(&self) {
        *self.0.lock().unwrap() += 1;
        self.1.notify_all();
    }

    pub fn has_passed(&self, count: usize) -> bool {
        *self.0.lock().unwrap() >= count
    }

    pub fn wait_for(&self, count: usize) {
        let passed = self.0.lock().unwrap();
        let waited = self.1.wait_timeout_while(passed, PATIENCE, |passed| *passed < count);
        // Unlocks before it fails.
        let passed = *waited.unwrap().0;
        assert!(passed >= count, "waited in vain for {count}");
    }
}
