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

    pub fn wait_for(&self, count: usize) {
        let (passed, _) = self
            .1
            .wait_timeout_while(self.0.lock().unwrap(), PATIENCE, |passed| *passed < count)
            .unwrap();
        assert!(*passed >= count, "waited in vain for {count}");
    }
}
