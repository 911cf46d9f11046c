//! Locks that outlive a panic: what they guard is whole between two statements, so a holder that panicked has
//! left nothing half done, and the others go on.

use std::sync::{Mutex, MutexGuard, PoisonError};

pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
