//! Memory of pages that are written, for the next ones: what is fresh from the system costs a page fault every
//! 4 KiB, which takes as long as filling it.

use parking_lot::Mutex;

/// The latest last.
static KEPT: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// Bytes that are kept at most, by all threads together.
const MOST: usize = 6 << 20;
/// Bytes of memory that is not worth keeping.
const SMALL: usize = 32 << 10;

/// Empty memory: the largest there is.
pub fn take() -> Vec<u8> {
    let mut kept = KEPT.lock();
    let largest = (0..kept.len()).max_by_key(|&at| kept[at].capacity());
    largest.map(|at| kept.remove(at)).unwrap_or_default()
}

/// Empty memory for so many bytes, and few more: it may stay for long.
pub fn take_for(bytes: usize) -> Vec<u8> {
    let mut kept = KEPT.lock();
    let fits = |&at: &usize| fits(kept[at].capacity(), bytes);
    match (0..kept.len()).rev().find(fits) {
        Some(at) => kept.remove(at),
        None => Vec::with_capacity(bytes),
    }
}

/// Whether memory is enough for so many bytes, and little of it would be of no use.
pub fn fits(capacity: usize, bytes: usize) -> bool {
    (bytes..=bytes + bytes / 4).contains(&capacity)
}

/// Takes memory that is not needed any more.
pub fn give_back(mut memory: Vec<u8>) {
    if !(SMALL..=MOST).contains(&memory.capacity()) {
        return;
    }
    memory.clear();
    let mut kept = KEPT.lock();
    kept.push(memory);
    // The latest, as far as they are few enough.
    let mut bytes = 0;
    let enough = kept.iter().rev().take_while(|memory| {
        bytes += memory.capacity();
        bytes <= MOST
    });
    let surplus = kept.len() - enough.count();
    let surplus: Vec<_> = kept.drain(..surplus).collect();
    drop(kept); // memory goes back to the system without the lock
    drop(surplus);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_kept_than_allowed() {
        // Other tests use the same memory meanwhile.
        let bytes = || KEPT.lock().iter().map(Vec::capacity).sum::<usize>();
        (0..20).for_each(|_| give_back(vec![1; MOST / 4]));
        assert!(bytes() <= MOST);
        give_back(vec![1; 2 * MOST]);
        give_back(vec![1; SMALL / 2]);
        assert!(KEPT.lock().iter().all(|memory| (SMALL..=MOST).contains(&memory.capacity())));
        assert!(take().is_empty());
    }
}
