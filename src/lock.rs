//! Locks that stay usable after a thread panicked while it held them. The guarded data is consistent after each single
//! change, so a panic can't leave it broken.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
