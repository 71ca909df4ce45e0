//! Batches that have been encoded, whose memory the next windows may have: to a thousand writers that fill
//! one window each, fresh memory would cost as much as encoding.

use std::collections::VecDeque;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parking_lot::Mutex;

/// The part of the pool's bytes that is kept: by default four windows of the most bytes that they have.
const OF_ALL: usize = 16;

pub struct Spent {
    max: usize,
    kept: Mutex<Kept>,
}

/// The batches, the oldest first, and their bytes.
#[derive(Default)]
struct Kept {
    batches: VecDeque<RecordBatch>,
    bytes: usize,
}

impl Spent {
    /// Of a pool that may have so many bytes in flight.
    pub fn new(max_bytes: usize) -> Self {
        Spent { max: max_bytes / OF_ALL, kept: Mutex::default() }
    }

    /// Keeps a batch, and gives back the memory of the oldest while there are too many.
    pub fn put(&self, batch: RecordBatch) {
        let mut dropped = Vec::new(); // not under the lock
        let mut kept = self.kept.lock();
        kept.bytes += batch.get_array_memory_size();
        kept.batches.push_back(batch);
        while kept.bytes > self.max
            && let Some(batch) = kept.batches.pop_front()
        {
            kept.bytes -= batch.get_array_memory_size();
            dropped.push(batch);
        }
    }

    /// The latest batch of this very schema.
    pub fn take(&self, schema: &SchemaRef) -> Option<RecordBatch> {
        let mut kept = self.kept.lock();
        let at = kept.batches.iter().rposition(|batch| SchemaRef::ptr_eq(batch.schema_ref(), schema))?;
        let batch = kept.batches.remove(at)?;
        kept.bytes -= batch.get_array_memory_size();
        Some(batch)
    }

    pub fn clear(&self) {
        let kept = std::mem::take(&mut *self.kept.lock());
        drop(kept);
    }
}
