//! From lanes to columns: lane by lane, or in an order over all of them.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::super::entry::{BURST, Origin};
use super::super::merge::Order;
use super::Drain;
use super::lane::Lane;
use super::shared::{RUN, Shared};
use crate::columns::ColumnSlice;
use crate::error::Result;
use crate::writer::Writer;

impl Drain {
    /// Visits every lane once.
    pub(super) fn pass(&mut self) -> Result<usize> {
        let mut moved = 0;
        for i in 0..self.lanes.len() {
            if self.lanes[i].look() == 0 {
                continue;
            }
            moved += match self.setup.form.has_payload() {
                false => self.move_records(i)?,
                true => self.move_payloads(i)?,
            };
        }
        Ok(moved)
    }

    /// Moves a run of fixed records: the columns are copied straight out of the lane.
    fn move_records(&mut self, i: usize) -> Result<usize> {
        let lane = &mut self.lanes[i];
        let stride = self.setup.form.entries().stride;
        let records = (lane.reader.run_len() / stride).min(BURST);
        let origin = lane.origin(&self.setup.clock);
        let (slices, last) = self.staging.slices_of(lane.reader.bytes(0, records * stride), origin);
        append(&mut self.writer, &self.shared, &slices)?;
        lane.progress.time = last;
        lane.advance(records * stride, records as u64, self.setup.durable.is_some());
        self.appended(records)
    }

    /// Moves records with payloads, which lie at no fixed distance and so are gathered first.
    fn move_payloads(&mut self, i: usize) -> Result<usize> {
        let (lane, form) = (&mut self.lanes[i], self.setup.form);
        let run = lane.reader.bytes(0, lane.reader.run_len());
        let (mut at, first) = (0, lane.progress.cursor.sequence());
        self.staging.clear();
        while at < run.len() && !self.staging.is_full() {
            let entry = form.first(&run[at..])?;
            let sequence = first + self.staging.len() as u64;
            lane.progress.time =
                self.staging.push(entry, Origin { sequence, ..lane.origin(&self.setup.clock) });
            at += entry.len();
        }
        let records = self.staging.len();
        append(&mut self.writer, &self.shared, &self.staging.slices())?;
        lane.advance(at, records as u64, self.setup.durable.is_some());
        self.appended(records)
    }

    /// Moves records of all lanes in their order.
    pub(super) fn ordered_pass(&mut self, order: Order) -> Result<usize> {
        let (now, form, mut late) = (Instant::now(), self.setup.form, 0);
        let is_closing = self.shared.order.load(Ordering::Relaxed) != RUN;
        for lane in &mut self.lanes {
            lane.look();
            let tail = lane.reader.cursor().position + lane.reader.available();
            lane.seen.look(tail, now, order.window);
        }
        self.staging.clear();
        let before: Vec<_> = self.lanes.iter().map(|lane| lane.progress).collect();
        let mut keys: Vec<_> = self.lanes.iter_mut().map(|lane| lane.key(form, order)).collect();
        while !self.staging.is_full() {
            let all_have = is_closing || keys.iter().all(Option::is_some);
            let is_ripe = |lane: &Lane| lane.seen.is_ripe(lane.reader.cursor().position);
            if !all_have && !self.lanes.iter().any(is_ripe) {
                break;
            }
            let next = keys.iter().enumerate().filter_map(|(i, key)| key.map(|key| (key, i))).min();
            let Some((key, i)) = next else { break };
            late += u64::from(key < self.last_key);
            self.last_key = self.last_key.max(key);
            let lane = &mut self.lanes[i];
            let entry = form.first(lane.reader.bytes(0, lane.reader.run_len()))?;
            lane.progress.time = self.staging.push(entry, lane.origin(&self.setup.clock));
            let len = entry.len();
            lane.reader.advance(len, 1);
            keys[i] = lane.key(form, order);
        }
        let records = self.staging.len();
        if records == 0 {
            return Ok(0);
        }
        let appended = append(&mut self.writer, &self.shared, &self.staging.slices());
        for (lane, before) in self.lanes.iter_mut().zip(before) {
            match appended {
                Ok(()) => lane.advance(0, 0, self.setup.durable.is_some()),
                Err(_) => lane.go_back(before),
            }
        }
        appended?;
        self.shared.late.fetch_add(late, Ordering::Relaxed);
        self.appended(records)
    }

    fn appended(&mut self, records: usize) -> Result<usize> {
        self.rows += records;
        self.since.get_or_insert_with(Instant::now);
        self.shared.rows.fetch_add(records as u64, Ordering::Release);
        Ok(records)
    }
}

fn append(
    writer: &mut std::result::Result<Writer, Instant>,
    shared: &Shared,
    slices: &[ColumnSlice<'_>],
) -> Result<()> {
    let Ok(writer) = writer else { return Ok(()) };
    writer.append_captured(slices)?;
    shared.replaced.store(writer.replaced(), Ordering::Relaxed);
    Ok(())
}
