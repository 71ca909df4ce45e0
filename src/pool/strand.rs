//! A strand: work that is done in order, by one worker at a time. And how workers find it.
//!
//! Whoever pushes wakes one worker after it. A worker passes over the strands from a rotating start, skips
//! empty ones, and claims one by its `busy` flag; it wakes a peer before it does the work, as wakes that
//! fall together count once. A worker that finds a strand claimed goes on, so whoever releases it looks at
//! its length again: work pushed meanwhile is then its own to find.
//!
//! `len` is what makes that exact. Once `busy` is false, the holder looks at it by a read-modify-write, and
//! a push is another on the same number: either the holder's comes later and sees the work, or the push
//! comes later, and whoever it wakes sees `busy` false.

use std::collections::VecDeque;

use super::sync::{Arc, AtomicBool, AtomicUsize, Mutex, Ordering};

/// A FIFO of work with one holder at a time.
pub struct Strand<T> {
    /// `len`s of all strands of one writer: 0 tells a worker that there is nothing to look for.
    pending: Arc<AtomicUsize>,
    len: AtomicUsize,
    busy: AtomicBool,
    items: Mutex<VecDeque<T>>,
}

impl<T> Strand<T> {
    /// An empty strand that adds to `pending` what it holds.
    pub fn new(pending: Arc<AtomicUsize>) -> Arc<Self> {
        let (len, busy) = (AtomicUsize::new(0), AtomicBool::new(false));
        Arc::new(Strand { pending, len, busy, items: Mutex::new(VecDeque::new()) })
    }

    /// Queues work. A worker must be woken after it.
    pub fn push(&self, item: T) {
        let mut items = self.items.lock();
        // First, so that neither number can be taken off before it was added.
        self.pending.fetch_add(1, Ordering::Relaxed);
        self.len.fetch_add(1, Ordering::AcqRel);
        items.push_back(item);
    }

    /// Work queued and being done.
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    /// The same, or 0 while there is a holder.
    pub fn claimable(&self) -> usize {
        if self.busy.load(Ordering::Relaxed) { 0 } else { self.len() }
    }

    /// Makes the caller the holder, if there is work and no other.
    pub fn claim(strand: &Arc<Self>) -> Option<Claim<T>> {
        let free = || strand.busy.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok();
        (strand.len() > 0 && free()).then(|| Claim { strand: strand.clone(), taken: Some(0) })
    }

    /// Takes back what is queued and has no holder yet.
    pub fn clear(&self) -> VecDeque<T> {
        let items = std::mem::take(&mut *self.items.lock());
        self.len.fetch_sub(items.len(), Ordering::AcqRel);
        self.pending.fetch_sub(items.len(), Ordering::Release);
        items
    }
}

/// The right to do a strand's work. Dropped, in a panic too, it takes off what was taken and releases.
pub struct Claim<T> {
    strand: Arc<Strand<T>>,
    /// None once released.
    taken: Option<usize>,
}

impl<T> Claim<T> {
    /// The next work.
    pub fn next(&mut self) -> Option<T> {
        let item = self.strand.items.lock().pop_front()?;
        self.taken = self.taken.map(|n| n + 1);
        Some(item)
    }

    /// Releases the strand; whether it has work left, which is then the caller's to do or to wake for.
    pub fn release(mut self) -> bool {
        self.put_back()
    }

    fn put_back(&mut self) -> bool {
        let Some(taken) = self.taken.take() else { return false };
        self.strand.len.fetch_sub(taken, Ordering::AcqRel);
        self.strand.pending.fetch_sub(taken, Ordering::Release);
        self.strand.busy.store(false, Ordering::Release);
        // Not a load: see above.
        self.strand.len.fetch_add(0, Ordering::AcqRel) > 0
    }
}

impl<T> Drop for Claim<T> {
    fn drop(&mut self) {
        self.put_back();
    }
}

/// One pass over `count` places from `start` on: `claim` claims something there, `wake` wakes a peer, `work`
/// does a bounded amount of it and says whether there is more. Returns whether another pass is due; if not,
/// the worker may sleep until it is woken.
pub fn pass<C>(
    count: usize,
    start: usize,
    claim: impl Fn(usize) -> Option<C>,
    wake: impl Fn(),
    work: impl Fn(C) -> bool,
) -> bool {
    let mut more = false;
    for place in 0..count {
        if let Some(claimed) = claim((start + place) % count) {
            wake();
            more |= work(claimed);
        }
    }
    more
}
