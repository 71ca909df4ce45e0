//! What the sink and its drain thread share.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use parking_lot::{Condvar, Mutex};

use super::super::lane::{LaneCounts, LaneMeter, LaneReader};
use crate::error::{Error, Result};
use crate::pool::Meter;

pub const RUN: u8 = 0;
pub const STOP: u8 = 1;
pub const ABANDON: u8 = 2;

/// What the sink and its drain thread share.
#[derive(Default)]
pub struct Shared {
    /// `RUN`, `STOP` or `ABANDON`.
    pub(super) order: AtomicU8,
    /// Lanes opened since the drain last looked.
    pub(super) opened: Mutex<Vec<(u32, LaneReader)>>,
    /// What ended the drain early.
    pub(super) failure: Mutex<Option<Error>>,
    /// The last error that it met, fatal or not.
    pub(super) last_error: Mutex<Option<Error>>,
    /// Of the lanes that are open, and the sum over those that are not.
    pub(super) meters: Mutex<(Vec<(u32, LaneMeter)>, LaneCounts)>,
    pub(super) writer: Mutex<Option<Meter>>,
    pub rows: AtomicU64,
    pub lost: AtomicU64,
    pub late: AtomicU64,
    pub replaced: AtomicU64,
    pub retries: AtomicU64,
    pub(super) flushes_asked: AtomicU64,
    pub(super) flushes_done: Mutex<u64>,
    flushed: Condvar,
}

impl Shared {
    /// Gives the drain another lane to visit, or returns the error that ended it early.
    pub fn add(&self, producer: u32, lane: LaneReader) -> Result<()> {
        // The lock is held over the check: a drain that fails after it still finds the lane and closes it.
        let mut opened = self.opened.lock();
        self.check()?;
        self.meters.lock().0.push((producer, lane.meter()));
        opened.push((producer, lane));
        Ok(())
    }

    /// The error that ended the drain early.
    pub fn check(&self) -> Result<()> {
        self.failure.lock().clone().map_or(Ok(()), Err)
    }

    /// Asks for the lanes to be closed, drained, and the part published.
    pub fn stop(&self) {
        self.order.store(STOP, Ordering::Release);
    }

    /// Asks for everything to be dropped.
    pub fn abandon(&self) {
        self.order.store(ABANDON, Ordering::Release);
    }

    /// Asks for the end of the row group once everything has been drained that is in the lanes now, and waits.
    pub fn flush(&self) -> Result<()> {
        let asked = self.flushes_asked.fetch_add(1, Ordering::AcqRel) + 1;
        let mut done = self.flushes_done.lock();
        while *done < asked {
            self.flushed.wait(&mut done);
        }
        drop(done);
        self.check()?;
        self.last_error().map_or(Ok(()), Err)
    }

    /// The last error that the drain met and has not got over.
    pub fn last_error(&self) -> Option<Error> {
        self.last_error.lock().clone()
    }

    /// What has been counted in all lanes, and how many of them are open.
    pub fn counts(&self) -> (LaneCounts, usize) {
        let meters = self.meters.lock();
        (meters.0.iter().fold(meters.1, |sum, (_, meter)| sum.and(meter.counts())), meters.0.len())
    }

    /// The lanes that are open.
    pub fn lanes(&self) -> Vec<LaneMeter> {
        self.meters.lock().0.iter().map(|(_, meter)| meter.clone()).collect()
    }

    /// What the writer counts.
    pub fn writer(&self) -> Option<Meter> {
        self.writer.lock().clone()
    }

    pub(super) fn end_lane(&self, producer: u32) {
        let mut meters = self.meters.lock();
        if let Some(i) = meters.0.iter().position(|(other, _)| *other == producer) {
            let (_, meter) = meters.0.remove(i);
            meters.1 = meters.1.and(LaneCounts { used_bytes: 0, ..meter.counts() });
        }
    }

    pub(super) fn wake_flushes(&self, done: u64) {
        *self.flushes_done.lock() = done;
        self.flushed.notify_all();
    }
}
