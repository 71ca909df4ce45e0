//! What trials of earlier parts came to: a program that writes many parts of the same columns tries all plans in few.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use parking_lot::Mutex;
use parquet::basic::Type;
use parquet::errors::Result as ParquetResult;
use parquet::schema::types::ColumnPath;

use super::are_alike;
use super::trial::Tried;
use crate::format::options::Codec;

/// Columns whose values are likely of the same kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Kind {
    pub path: ColumnPath,
    pub physical: Type,
    pub codec: Codec,
}

struct Known {
    tried: Arc<Tried>,
    /// Rows of a row group that it is for.
    rows: usize,
    /// Parts that may still begin with it.
    left: usize,
}

/// Parts that begin with the same trial at most: another plan may have become better without a sign of it.
const PARTS: usize = 64;

/// Kinds that are remembered at most, some hundred bytes each.
const KINDS: usize = 4096;

static KNOWN: LazyLock<Mutex<HashMap<Kind, Known>>> = LazyLock::new(Mutex::default);

/// What is known for row groups of about so many rows and agrees with the values that `choose` looks at, else what it
/// tries, which is known then.
pub fn or_tried(
    kind: &Kind,
    rows: usize,
    choose: impl FnOnce(Option<&Arc<Tried>>) -> ParquetResult<Arc<Tried>>,
) -> ParquetResult<Arc<Tried>> {
    let known = KNOWN.lock().get_mut(kind).and_then(|known| {
        let is_for = known.left > 0 && are_alike(rows, known.rows);
        is_for.then(|| {
            known.left -= 1;
            known.tried.clone()
        })
    });
    let tried = choose(known.as_ref())?;
    if known.is_none_or(|known| !Arc::ptr_eq(&known, &tried)) {
        let mut all = KNOWN.lock();
        if all.len() >= KINDS {
            all.clear();
        }
        all.insert(kind.clone(), Known { tried: tried.clone(), rows, left: PARTS });
    }
    Ok(tried)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::choice::choose_numbers;
    use crate::format::pages::{Compressor, Order};

    #[test]
    fn a_part_begins_with_what_an_earlier_one_tried_so_many_times() {
        let codec = Codec::Uncompressed;
        let numbers: Vec<u64> = (0..10_000).collect();
        let tried = choose_numbers(&numbers, 10_000, Order::Uint64, Compressor::new(codec), None).unwrap();
        let kind = |name: &str| Kind { path: ColumnPath::from(name), physical: Type::INT64, codec };
        let is_known = |name: &str, rows| {
            let mut is_known = false;
            or_tried(&kind(name), rows, |known| {
                is_known = known.is_some();
                Ok(tried.clone())
            })
            .unwrap();
            is_known
        };
        assert!(!is_known("of the test of what is known", 1000));
        assert!(!is_known("of another column", 1000));
        // More rows may make a dictionary pay.
        assert!(!is_known("of the test of what is known", 2001));
        assert!(is_known("of the test of what is known", 2001));
        assert!((1..PARTS).all(|_| is_known("of the test of what is known", 4000)));
        assert!(!is_known("of the test of what is known", 4000));
    }
}
