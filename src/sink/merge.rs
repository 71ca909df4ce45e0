//! The order of records of several producers: by a time, within a window.
//!
//! Of the next record of each lane the earliest goes first, once nothing earlier can be expected: every open lane
//! has a record, or one of those waiting has been seen for as long as the window. What comes later still goes
//! where it comes, and is counted. The records of one producer keep their order, whatever their times.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::entry::Form;
use super::layout::Key;

/// What the order of a sink's records is.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// None: the capture time.
    pub key: Option<Key>,
    pub window: Duration,
}

impl Order {
    /// Where an entry stands in it.
    pub fn key(&self, form: Form, entry: &[u8]) -> i128 {
        match self.key {
            None => i128::from(form.ticks(entry)),
            Some(key) => key.read(form.record(entry)),
        }
    }
}

/// Which of a lane's records have been seen for as long as the window.
#[derive(Debug, Default)]
pub struct Seen {
    /// Up to where the lane was filled at that time.
    looks: VecDeque<(u64, Instant)>,
    ripe: u64,
}

/// Looks that are kept at most; those between them count as the later.
const LOOKS: usize = 64;

impl Seen {
    /// The lane is filled up to `tail`.
    pub fn look(&mut self, tail: u64, now: Instant, window: Duration) {
        while let Some(&(seen, at)) = self.looks.front()
            && now.duration_since(at) >= window
        {
            self.ripe = seen;
            self.looks.pop_front();
        }
        let is_new = self.looks.back().map_or(self.ripe, |&(seen, _)| seen) < tail;
        if is_new && self.looks.len() < LOOKS {
            self.looks.push_back((tail, now));
        }
    }

    /// Whether the record at `position` has been seen so long.
    pub fn is_ripe(&self, position: u64) -> bool {
        position < self.ripe
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_a_window_ago_is_ripe() {
        let (mut seen, start, window) = (Seen::default(), Instant::now(), Duration::from_millis(10));
        let at = |ms| start + Duration::from_millis(ms);
        seen.look(100, at(0), window);
        seen.look(200, at(5), window);
        assert!(!seen.is_ripe(0));
        seen.look(200, at(10), window);
        assert!(seen.is_ripe(99) && !seen.is_ripe(100));
        seen.look(300, at(16), window);
        assert!(seen.is_ripe(199) && !seen.is_ripe(200));
        seen.look(300, at(26), window);
        assert!(seen.is_ripe(299) && !seen.is_ripe(300));
    }
}
