//! Batches that have been encoded, whose memory the next windows may have: to a thousand writers that fill
//! one window each, fresh memory would cost as much as encoding.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

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

    /// The latest batch with columns of these types that has so many rows.
    pub fn take(&self, schema: &SchemaRef, rows: RangeInclusive<usize>) -> Option<RecordBatch> {
        let mut kept = self.kept.lock();
        let serves = |batch: &RecordBatch| {
            rows.contains(&batch.num_rows()) && have_same_types(batch.schema_ref(), schema)
        };
        let at = kept.batches.iter().rposition(serves)?;
        let batch = kept.batches.remove(at)?;
        kept.bytes -= batch.get_array_memory_size();
        Some(batch)
    }

    /// Gives all memory back.
    pub fn clear(&self) {
        let kept = std::mem::take(&mut *self.kept.lock());
        drop(kept);
    }
}

/// Whether columns of the one schema lie in memory as the other's do. Writers that open a schema each have equal ones.
fn have_same_types(one: &SchemaRef, other: &SchemaRef) -> bool {
    let (fields, others) = (one.fields(), other.fields());
    SchemaRef::ptr_eq(one, other)
        || fields.len() == others.len()
            && fields.iter().zip(others).all(|(field, other)| field.data_type() == other.data_type())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{ArrayRef, Int32Array, Int64Array};
    use std::sync::Arc;

    #[test]
    fn memory_goes_to_windows_of_the_same_types_that_it_is_enough_for() {
        const MAX: usize = usize::MAX;
        let batch = |name, array| RecordBatch::try_from_iter([(name, array)]).unwrap();
        let longs = |rows| Arc::new(Int64Array::from(vec![0; rows])) as ArrayRef;
        let ints = |rows| Arc::new(Int32Array::from(vec![0; rows])) as ArrayRef;
        let spent = Spent::new(1 << 20);
        spent.put(batch("a", longs(100)));
        spent.put(batch("a", longs(10)));
        spent.put(batch("a", ints(1000)));
        let wanted = batch("b", longs(0)).schema();
        assert_eq!(spent.take(&wanted, 50..=MAX).map(|batch| batch.num_rows()), Some(100));
        assert!(spent.take(&wanted, 50..=MAX).is_none());
        assert!(spent.take(&wanted, 2..=8).is_none());
        assert_eq!(spent.take(&wanted, 5..=10).map(|batch| batch.num_rows()), Some(10));
    }
}
