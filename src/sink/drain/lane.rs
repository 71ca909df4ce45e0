//! A lane as the drain sees it: how far it has been read, and what of that is safe.

use super::super::clock::Clock;
use super::super::entry::{Form, Origin};
use super::super::gaps::Progress;
use super::super::lane::LaneReader;
use super::super::merge::{Order, Seen};

pub struct Lane {
    pub producer: u32,
    pub reader: LaneReader,
    pub progress: Progress,
    /// What is in the last note, and in the last that is in the journal.
    pub noted: Progress,
    pub kept: Progress,
    /// Of the process that wrote it, if that is gone, and the system was started anew since.
    pub clock: Option<Clock>,
    pub seen: Seen,
}

/// A lane that another process left.
pub struct Left {
    pub producer: u32,
    pub reader: LaneReader,
    pub progress: Progress,
    pub clock: Option<Clock>,
}

impl Lane {
    pub fn new(producer: u32, reader: LaneReader, progress: Progress) -> Self {
        Lane {
            producer,
            reader,
            progress,
            noted: progress,
            kept: progress,
            clock: None,
            seen: Seen::default(),
        }
    }

    /// Bytes that can be read.
    pub fn look(&mut self) -> u64 {
        let available = self.reader.look(|gap| self.progress.add(gap));
        self.progress.cursor = self.reader.cursor();
        available
    }

    /// Up to where it is filled.
    pub fn tail(&mut self) -> u64 {
        self.look() + self.reader.cursor().position
    }

    pub fn go_back(&mut self, to: Progress) {
        self.progress = to;
        self.reader.rewind(to.cursor);
    }

    pub fn origin<'a>(&'a self, clock: &'a Clock) -> Origin<'a> {
        Origin {
            producer: self.producer,
            sequence: self.reader.cursor().sequence(),
            clock: self.clock.as_ref().unwrap_or(clock),
            not_before: self.progress.time,
        }
    }

    /// Where the next record stands in the order.
    pub fn key(&mut self, form: Form, order: Order) -> Option<i128> {
        if self.reader.run_len() == 0 && self.look() == 0 {
            return None;
        }
        Some(order.key(form, self.reader.bytes(0, self.reader.run_len())))
    }

    /// Moves the cursor on; what is not `kept` by a journal is given back at once.
    pub fn advance(&mut self, len: usize, records: u64, kept: bool) {
        if records > 0 {
            self.reader.advance(len, records);
        }
        self.progress.cursor = self.reader.cursor();
        if !kept {
            self.reader.release(self.progress.cursor);
        }
    }
}
