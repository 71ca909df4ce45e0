//! Which encoding a column gets: the one whose sample is smallest once compressed.

use parking_lot::Mutex;
use parquet::basic::Encoding;
use parquet::errors::Result as ParquetResult;

use super::pages::{
    Compressor, Number, NumberTable, Order, bit_width, plain, put_delta, put_indices, put_split,
};

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

/// Numbers of a dictionary at most, as many as the parquet crate's: 1 MiB of eight bytes each.
pub const MOST: usize = 1 << 17;

/// Runs of neighbours in a sample.
const RUNS: usize = 8;

/// Parts of `count` values that stand for all: a sixteenth of them, so that trying all plans takes little beside
/// encoding them, even if no more come.
pub fn sample(count: usize) -> impl Iterator<Item = std::ops::Range<usize>> + Clone {
    let run = (count / RUNS / 16).clamp(64, 512);
    let (runs, run) = if count <= RUNS * run { (1, count) } else { (RUNS, run) };
    (0..runs)
        .map(move |i| (count - run) * i / runs.max(2).saturating_sub(1))
        .map(move |start| start..start + run)
}

/// How large each plan makes a sample, compressed.
pub struct Trial {
    compressor: Compressor,
    sizes: Vec<(Plan, usize)>,
}

impl Trial {
    pub fn new(compressor: Compressor) -> Self {
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

    /// Tries a dictionary: `indices` are the sample's, into `seen` values of `width` bytes each; a row group has
    /// `rows`. None for more than `most` values.
    pub fn add_dictionary(
        &mut self,
        (indices, seen, width): (&[u32], usize, usize),
        rows: usize,
        most: usize,
    ) -> ParquetResult<()> {
        let (of, rows) = (indices.len(), rows.max(indices.len()));
        let distinct = expected_distinct(seen, of, rows);
        if distinct > most as f64 {
            return Ok(());
        }
        // Values shrink as the plain ones do.
        let plain = of * width;
        let shrink =
            self.sizes.iter().find(|s| s.0 == Plan::Plain).map_or(1.0, |s| s.1 as f64 / plain as f64);
        let share = (distinct * width as f64 * shrink.min(1.0) * of as f64 / rows as f64) as usize;
        let bits = bit_width(distinct as u32);
        if seen * 4 > of {
            // First comers count upwards, which a codec finds and later rows do not have.
            self.sizes.push((Plan::Dictionary, of * bits as usize / 8 + share));
            return Ok(());
        }
        self.add(Plan::Dictionary, share, |out| put_indices(out, indices, bits))
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

/// Distinct values among `rows`, when `seen` of a sample of `of` values are distinct: as many as there would be
/// if all were equally frequent. Infinite if the sample has none twice.
fn expected_distinct(seen: usize, of: usize, rows: usize) -> f64 {
    let (seen, of, rows) = (seen as f64, of as f64, rows as f64);
    // Of `all` values a sample has `all * (1 - e^(-of / all))`; that grows with `all`, so it can be bisected.
    let drawn = |all: f64, of: f64| -all * (-of / all).exp_m1();
    let (mut low, mut high) = (seen, seen * 1e6);
    for _ in 0..60 {
        let middle = (low * high).sqrt();
        if drawn(middle, of) < seen { low = middle } else { high = middle }
    }
    if high >= seen * 1e5 { f64::INFINITY } else { drawn(high, rows) }
}

/// The choice for numbers.
pub fn choose_numbers<T: Number>(
    numbers: &[T],
    rows: usize,
    order: Order,
    compressor: Compressor,
) -> ParquetResult<Choice> {
    let runs = sample(numbers.len()).map(|run| &numbers[run]);
    let sampled: Vec<T> = runs.clone().flatten().copied().collect();
    let mut trial = Trial::new(compressor);
    trial.add(Plan::Plain, 0, |out| out.extend_from_slice(plain(&sampled)))?;
    if matches!(order, Order::Float | Order::Double) {
        trial.add(Plan::Split, 0, |out| put_split(out, &sampled))?;
    } else {
        trial.add(Plan::Delta, 0, |out| runs.for_each(|run| put_delta(out, run)))?;
    }
    let (mut table, mut indices) = (NumberTable::new(sampled.len()), Vec::new());
    table.indices(&sampled, None, &mut indices);
    trial.add_dictionary((&indices, table.numbers().len(), T::WIDTH), rows, MOST)?;
    Ok(trial.choice())
}
