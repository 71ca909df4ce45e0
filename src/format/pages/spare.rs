//! Memory of pages that are written, for the next ones: what is fresh from the system costs a page fault every
//! 4 KiB, which takes as long as filling it.

use parking_lot::Mutex;

/// The smallest first.
static KEPT: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// Bytes that are kept at most, by all threads together.
const MOST: usize = 16 << 20;
/// Bytes of memory that is not worth keeping.
const SMALL: usize = 32 << 10;

/// Empty memory: the largest there is.
pub fn take() -> Vec<u8> {
    KEPT.lock().pop().unwrap_or_default()
}

/// Takes memory that is not needed any more.
pub fn give_back(mut memory: Vec<u8>) {
    if !(SMALL..=MOST).contains(&memory.capacity()) {
        return;
    }
    memory.clear();
    let mut kept = KEPT.lock();
    let place = kept.partition_point(|other| other.capacity() < memory.capacity());
    kept.insert(place, memory);
    let bytes: usize = kept.iter().map(Vec::capacity).sum();
    let surplus = (bytes > MOST).then(|| kept.remove(0));
    drop(kept); // memory goes back to the system without the lock
    drop(surplus);
}
