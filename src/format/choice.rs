//! Which encoding a column gets: the one whose sample is smallest once compressed.

use parking_lot::Mutex;
use parquet::basic::Encoding;
use parquet::errors::Result as ParquetResult;

use super::pages::{Compressor, Number, NumberTable, bit_width, plain, put_delta, put_indices, put_split};

/// Encodings of data pages (Parquet Encodings.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    Plain,
    /// BYTE_STREAM_SPLIT.
    Split,
    /// DELTA_BINARY_PACKED, of texts DELTA_LENGTH_BYTE_ARRAY.
    Delta,
    Dictionary,
}

/// What a column does, and what it does once its dictionary is full.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    pub plan: Plan,
    pub otherwise: Plan,
}

impl Choice {
    /// Of a page without values.
    pub const NONE: Choice = Choice { plan: Plan::Plain, otherwise: Plan::Plain };

    /// The user's.
    pub fn of(encoding: Encoding) -> Choice {
        let plan = match encoding {
            Encoding::BYTE_STREAM_SPLIT => Plan::Split,
            Encoding::DELTA_BINARY_PACKED | Encoding::DELTA_LENGTH_BYTE_ARRAY => Plan::Delta,
            Encoding::RLE_DICTIONARY => Plan::Dictionary,
            _ => Plan::Plain,
        };
        Choice { plan, otherwise: Plan::Plain }
    }
}

/// A column's choice, which its row groups share until it is old.
#[derive(Default)]
pub struct Chosen(Mutex<Option<(Choice, usize)>>);

/// Rows that a choice is good for: values may change their ways.
const GOOD_FOR: usize = 1 << 20;

impl Chosen {
    /// The choice for a row group whose first rows are here.
    pub fn get(&self, rows: usize, choose: impl FnOnce() -> ParquetResult<Choice>) -> ParquetResult<Choice> {
        let mut chosen = self.0.lock();
        let choice = match *chosen {
            Some((choice, left)) if left > 0 => (choice, left.saturating_sub(rows)),
            _ => (choose()?, GOOD_FOR.saturating_sub(rows)),
        };
        *chosen = Some(choice);
        Ok(choice.0)
    }
}

/// Runs of neighbours in a sample, and values of each.
const RUNS: usize = 8;
const RUN: usize = 1024;

/// Parts of `count` values that stand for all.
pub fn sample(count: usize) -> impl Iterator<Item = std::ops::Range<usize>> + Clone {
    let (runs, run) = if count <= RUNS * RUN { (1, count) } else { (RUNS, RUN) };
    (0..runs)
        .map(move |i| (count - run) * i / runs.max(2).saturating_sub(1))
        .map(move |start| start..start + run)
}

/// How large each plan makes a sample, compressed.
pub struct Trial<'a> {
    compressor: &'a mut Compressor,
    sizes: Vec<(Plan, usize)>,
}

impl<'a> Trial<'a> {
    pub fn new(compressor: &'a mut Compressor) -> Self {
        Trial { compressor, sizes: Vec::new() }
    }

    /// Tries a plan: `put` makes the page, `more` are the bytes that come on top.
    pub fn add(&mut self, plan: Plan, more: usize, put: impl FnOnce(&mut Vec<u8>)) -> ParquetResult<()> {
        let (mut page, mut compressed) = (Vec::new(), Vec::new());
        put(&mut page);
        self.compressor.compress(&page, &mut compressed)?;
        self.sizes.push((plan, compressed.len() + more));
        Ok(())
    }

    /// The smallest; of those nearly as small, the first that was tried.
    pub fn choice(&self) -> Choice {
        let smallest = |but: Option<Plan>| {
            let sizes = self.sizes.iter().filter(|&&(plan, _)| Some(plan) != but);
            let least = sizes.clone().map(|&(_, size)| size).min().unwrap_or(0);
            sizes
                .clone()
                .find(|&&(_, size)| size <= least + least / 50)
                .map_or(Plan::Plain, |&(plan, _)| plan)
        };
        Choice { plan: smallest(None), otherwise: smallest(Some(Plan::Dictionary)) }
    }
}

/// Bytes of a dictionary's share in a sample of `of` values, and bits of an index, when the first half of the
/// sample has `half` distinct values and all of it `all`, in a row group of `rows`.
pub fn dictionary_share(half: usize, all: usize, of: usize, rows: usize, width: usize) -> (usize, u32) {
    // The distinct values of more rows, if their number goes on to grow as it did.
    let growth = (all as f64 / half.max(1) as f64).log2().clamp(0.0, 1.0);
    let rows = rows.max(of);
    let expected = (all as f64 * (rows as f64 / of as f64).powf(growth)).min(rows as f64);
    ((expected * width as f64 * of as f64 / rows as f64) as usize, bit_width(expected as u32))
}

/// The choice for numbers.
pub fn choose_numbers<T: Number>(
    numbers: &[T],
    rows: usize,
    is_float: bool,
    compressor: &mut Compressor,
) -> ParquetResult<Choice> {
    let runs = sample(numbers.len()).map(|run| &numbers[run]);
    let sampled: Vec<T> = runs.clone().flatten().copied().collect();
    let mut trial = Trial::new(compressor);
    trial.add(Plan::Plain, 0, |out| out.extend_from_slice(plain(&sampled)))?;
    if is_float {
        trial.add(Plan::Split, 0, |out| put_split(out, &sampled))?;
    } else {
        trial.add(Plan::Delta, 0, |out| runs.for_each(|run| put_delta(out, run)))?;
    }
    let (mut table, mut indices) = (NumberTable::new(sampled.len() / 2), Vec::new());
    let (first, second) = sampled.split_at(sampled.len() / 2);
    if table.indices(first, &mut indices) {
        let half = table.numbers().len();
        if table.indices(second, &mut indices) {
            let all = table.numbers().len();
            let (share, width) = dictionary_share(half, all, sampled.len(), rows, T::WIDTH);
            trial.add(Plan::Dictionary, share, |out| put_indices(out, &indices, width))?;
        }
    }
    Ok(trial.choice())
}
