//! Which encoding a column gets: the one whose sample is smallest once compressed.

use std::cell::RefCell;
use std::sync::Arc;

use parking_lot::Mutex;
use parquet::basic::{Encoding, Type};
use parquet::errors::Result as ParquetResult;

use super::pages::{
    Compressor, Number, NumberTable, Order, bit_width, keep_words, plain, put_delta, put_indices, put_split,
    spare_words,
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
    /// The user's.
    fn of(encoding: Encoding) -> Choice {
        let plan = match encoding {
            Encoding::BYTE_STREAM_SPLIT => Plan::Split,
            Encoding::DELTA_BINARY_PACKED | Encoding::DELTA_LENGTH_BYTE_ARRAY => Plan::Delta,
            Encoding::RLE_DICTIONARY => Plan::Dictionary,
            _ => Plan::Plain,
        };
        Choice { plan, otherwise: Plan::Plain }
    }
}

/// What a sample came to in the plan that was chosen by it.
#[derive(Clone, Copy, Debug)]
struct Reason {
    plan: Plan,
    /// Values in the sample, and how many of them differ.
    values: usize,
    distinct: usize,
    /// Bytes of the sample in PLAIN form; of that, compressed; and in the plan's, compressed.
    bytes: usize,
    plain: usize,
    encoded: usize,
}

/// A column's choice, which its row groups share until it is old.
#[derive(Default)]
pub struct Chosen(Mutex<Choices>);

#[derive(Default)]
struct Choices {
    current: Option<Current>,
    /// Rows that the latest row group to end had.
    latest_rows: Option<usize>,
    /// Of each plan that was chosen, why it was for the first time.
    reasons: Vec<Reason>,
}

/// The choice at present.
struct Current {
    choice: Choice,
    /// Rows of a row group that it is for.
    rows: usize,
    /// Rows that it was to be good for when it was made, and those of them that are left.
    good_for: usize,
    left: usize,
}

impl Current {
    /// A dictionary pays for twice as many rows where it does for so many, or is too large for both.
    fn is_for(&self, rows: usize) -> bool {
        self.left > 0 && rows <= 2 * self.rows && self.rows <= 2 * rows
    }
}

/// Rows that a choice is good for: values may change their ways. The next one, if it is the same, is good for twice
/// as many, up to the latter.
const GOOD_FOR: usize = 1 << 20;
const GOOD_FOR_AT_MOST: usize = 1 << 24;

impl Chosen {
    /// Rows to expect of a row group that may have `most`, if that is known: as many as the latest had, or as the
    /// choice is for. They tell whether a dictionary will pay.
    fn expected_rows(&self, most: usize) -> Option<usize> {
        let chosen = self.0.lock();
        let full = || chosen.current.as_ref().is_some_and(|current| current.is_for(most)).then_some(most);
        chosen.latest_rows.or_else(full)
    }

    /// Notes how many rows a row group had.
    fn ended(&self, rows: usize) {
        self.0.lock().latest_rows = Some(rows);
    }

    /// The choice for a row group of so many rows, the first of which are here.
    fn get(&self, rows: usize, choose: impl FnOnce() -> ParquetResult<Trial>) -> ParquetResult<Choice> {
        let mut chosen = self.0.lock();
        let mut current = match chosen.current.take() {
            Some(current) if current.is_for(rows) => current,
            old => {
                let trial = choose()?;
                let choice = trial.choice();
                if chosen.reasons.iter().all(|reason| reason.plan != choice.plan) {
                    chosen.reasons.push(trial.reason(choice.plan));
                }
                let good_for = match old {
                    Some(old) if old.left == 0 && old.choice.plan == choice.plan => {
                        (2 * old.good_for).min(GOOD_FOR_AT_MOST)
                    }
                    _ => GOOD_FOR,
                };
                Current { choice, rows, good_for, left: good_for }
            }
        };
        current.left = current.left.saturating_sub(rows);
        Ok(chosen.current.insert(current).choice)
    }
}

/// The choice of a column in one row group.
pub struct RowGroupChoice {
    chosen: Arc<Chosen>,
    choice: Option<Choice>,
    /// Rows that the row group may have, those that are here, and whether these are all.
    most: usize,
    rows: usize,
    is_ended: bool,
}

impl RowGroupChoice {
    /// The user's, if there is one.
    pub fn new(chosen: Arc<Chosen>, users: Option<Encoding>, most: usize) -> Self {
        RowGroupChoice { chosen, choice: users.map(Choice::of), most, rows: 0, is_ended: false }
    }

    /// Notes rows that come.
    pub fn add_rows(&mut self, rows: usize) {
        self.rows += rows;
    }

    /// No more rows come.
    pub fn end(&mut self) {
        self.is_ended = true;
        self.chosen.ended(self.rows);
    }

    /// Rows that come at once and need not wait for others, where pages have `page_rows`: unless a row group so
    /// short could end with them, as its rows have a part in the choice.
    pub fn enough(&self, page_rows: usize) -> usize {
        match self.choice.is_some() || self.chosen.expected_rows(self.most).is_some() {
            true => page_rows / 4,
            false => page_rows.min(self.most),
        }
    }

    /// What is chosen; `choose` tries it for a row group of so many rows.
    pub fn get(&mut self, choose: impl FnOnce(usize) -> ParquetResult<Trial>) -> ParquetResult<Plan> {
        if let Some(choice) = self.choice {
            return Ok(choice.plan);
        }
        let expected = || self.chosen.expected_rows(self.most).unwrap_or(self.most);
        let rows = if self.is_ended { self.rows } else { expected().max(self.rows) };
        Ok(self.choice.insert(self.chosen.get(rows, || choose(rows))?).plan)
    }

    /// Its dictionary is full.
    pub fn give_up_dictionary(&mut self) -> Plan {
        let plan = self.choice.map_or(Plan::Plain, |choice| choice.otherwise);
        self.choice = Some(Choice { plan, otherwise: plan });
        plan
    }
}

/// What was chosen for which leaf columns, and why, as JSON: an array for each leaf column and encoding (see
/// `pf_part` in the header). None if nothing was chosen.
pub fn encodings(columns: &[(usize, Type, Arc<Chosen>)]) -> Option<String> {
    let mut entries = Vec::new();
    for (leaf, physical, chosen) in columns {
        for Reason { plan, values, distinct, bytes, plain, encoded } in &chosen.0.lock().reasons {
            let encoding = match plan {
                Plan::Plain => Encoding::PLAIN,
                Plan::Split => Encoding::BYTE_STREAM_SPLIT,
                Plan::Delta if *physical == Type::BYTE_ARRAY => Encoding::DELTA_LENGTH_BYTE_ARRAY,
                Plan::Delta => Encoding::DELTA_BINARY_PACKED,
                Plan::Dictionary => Encoding::RLE_DICTIONARY,
            };
            entries.push(format!(r#"[{leaf},"{encoding}",{values},{distinct},{bytes},{plain},{encoded}]"#));
        }
    }
    (!entries.is_empty()).then(|| format!("[{}]", entries.join(",")))
}

/// Numbers of a dictionary at most, as many as the parquet crate's: 1 MiB of eight bytes each.
pub const MOST: usize = 1 << 17;

/// Rows of a page at most whose values are in no dictionary: such a page is not made smaller by more of them, and
/// costs memory and what a reader can skip.
pub const VALUE_ROWS: usize = 1 << 16;

/// Runs of neighbours in a sample.
const RUNS: usize = 8;

/// A dictionary is tried even if a careful estimate says so many times more values than it takes.
const UNSURE: f64 = 4.0;

/// Values of a run, at least and at most. With no value twice among the fewest, there are more different ones than a
/// dictionary takes, very likely.
const FEW: usize = 128;
const MANY: usize = 1024;

/// A plan is beaten if it takes so many times more than the best.
const CLEARLY: f64 = 1.3;

/// Tries plans on few values, as a part may have no more than one page of them; then, if that leaves a doubt, those
/// that may be the best on more, up to an eighth. `on` makes a trial of a sample with runs of so many values, after
/// another.
pub fn in_steps(
    count: usize,
    on: impl Fn(usize, Option<&Trial>) -> ParquetResult<Trial>,
) -> ParquetResult<Trial> {
    let many = (count / RUNS / 8).clamp(FEW, MANY);
    if many < 4 * FEW {
        return on(many, None);
    }
    let trial = on(FEW, None)?;
    if trial.is_clear() { Ok(trial) } else { on(many, Some(&trial)) }
}

/// Parts of `count` values that stand for all: some runs of `run` values.
pub fn sample(count: usize, run: usize) -> impl Iterator<Item = std::ops::Range<usize>> + Clone {
    let (runs, run) = if count <= RUNS * run { (1, count) } else { (RUNS, run) };
    (0..runs)
        .map(move |i| (count - run) * i / runs.max(2).saturating_sub(1))
        .map(move |start| start..start + run)
}

/// How large each plan makes a sample, compressed.
pub struct Trial {
    compressor: Compressor,
    /// Memory of a page, and of its compressed form.
    memory: (Vec<u8>, Vec<u8>),
    /// Rows of the row group.
    rows: usize,
    sizes: Vec<(Plan, usize)>,
    /// Plans that an earlier trial has ruled out, and what they would make of this sample by it.
    ruled_out: Vec<(Plan, usize)>,
    /// Values of the sample, how many of them differ, and bytes of its PLAIN form.
    values: usize,
    distinct: usize,
    bytes: usize,
}

impl Trial {
    /// Of so many values, for a row group of `rows`; after `earlier`.
    pub fn new(values: usize, rows: usize, compressor: Compressor, earlier: Option<&Trial>) -> Self {
        let of_more = |earlier: &Trial, bytes| bytes * values / earlier.values;
        Trial {
            compressor,
            memory: Default::default(),
            rows: rows.max(values),
            sizes: Vec::new(),
            ruled_out: earlier.map_or_else(Vec::new, |earlier| {
                earlier.beaten().map(|(plan, size)| (plan, of_more(earlier, size))).collect()
            }),
            values,
            distinct: earlier.map_or(0, |earlier| {
                expected_distinct(earlier.distinct, earlier.values, values).min(values as f64) as usize
            }),
            bytes: earlier.map_or(0, |earlier| of_more(earlier, earlier.bytes)),
        }
    }

    /// Tries a plan: `put` makes the page.
    pub fn add(&mut self, plan: Plan, put: impl FnOnce(&mut Vec<u8>)) -> ParquetResult<()> {
        self.add_page(plan, 0, self.rows.min(VALUE_ROWS), put)
    }

    /// Tries a plan whose pages have `rows` each; `more` are the bytes that come on top.
    fn add_page(
        &mut self,
        plan: Plan,
        more: usize,
        rows: usize,
        put: impl FnOnce(&mut Vec<u8>),
    ) -> ParquetResult<()> {
        if self.add_if_ruled_out(plan) {
            return Ok(());
        }
        let (page, compressed) = &mut self.memory;
        page.clear();
        compressed.clear();
        put(page);
        if plan == Plan::Plain {
            self.bytes = page.len();
        }
        let whole = (page.len() as f64 / self.values as f64 * rows as f64) as usize;
        self.compressor.compress_part(page, whole, compressed)?;
        self.sizes.push((plan, compressed.len() + more));
        Ok(())
    }

    /// Adds a plan as an earlier trial has it, if that has ruled it out. Whether it has.
    fn add_if_ruled_out(&mut self, plan: Plan) -> bool {
        let known = self.ruled_out.iter().find(|&&(beaten, _)| beaten == plan);
        self.sizes.extend(known);
        known.is_some()
    }

    /// Tries a dictionary: `look_up` appends the indices of the sample, and tells how many values of how many bytes
    /// each they lead to. Not for more than `most` bytes of values.
    pub fn add_dictionary(
        &mut self,
        most: usize,
        look_up: impl FnOnce(&mut Vec<u32>) -> (usize, usize),
    ) -> ParquetResult<()> {
        if self.add_if_ruled_out(Plan::Dictionary) {
            return Ok(());
        }
        let mut indices = spare_words();
        let (seen, width) = look_up(&mut indices);
        let added = self.add_indices(&indices, (seen, width), most / width.max(1));
        keep_words(indices);
        added
    }

    /// Tries a dictionary of `seen` values of `width` bytes each. Not for more than `most` values.
    fn add_indices(
        &mut self,
        indices: &[u32],
        (seen, width): (usize, usize),
        most: usize,
    ) -> ParquetResult<()> {
        let (of, rows) = (self.values, self.rows);
        self.distinct = seen;
        let distinct = expected_distinct(seen, of, rows);
        // Those, if equal neighbours do not tell that later rows have the value, too.
        let drawn = drawn(indices, seen);
        let at_most = expected_distinct(seen, drawn, (rows as f64 / of as f64 * drawn as f64) as usize);
        if distinct > most as f64 || at_most > UNSURE * most as f64 {
            return Ok(());
        }
        // Values shrink as the plain ones do.
        let plain = of * width;
        let shrink =
            self.sizes.iter().find(|s| s.0 == Plan::Plain).map_or(1.0, |s| s.1 as f64 / plain as f64);
        let share = (distinct * width as f64 * shrink.min(1.0) * of as f64 / rows as f64) as usize;
        let bits = bit_width((distinct.round() as u32).max(seen as u32) - 1);
        let mut times = vec![0u32; seen];
        indices.iter().for_each(|&index| times[index as usize] += 1);
        // First comers count upwards, which a codec finds and later rows do not have; those that do not come again
        // are as many others.
        let other = |index: u32| index.wrapping_mul(0x9e37_79b1) & ((1u64 << bits) - 1) as u32;
        let shuffled = |&index: &u32| if times[index as usize] == 1 { other(index) } else { index };
        let shuffled: Vec<u32> = indices.iter().map(shuffled).collect();
        self.add_page(Plan::Dictionary, share, rows, |out| put_indices(out, &shuffled, bits))
    }

    /// The smallest; of those nearly as small, the first that was tried.
    fn choice(&self) -> Choice {
        let smallest = |but: Option<Plan>| {
            let sizes = self.sizes.iter().filter(|&&(plan, _)| Some(plan) != but);
            let least = sizes.clone().map(|&(_, size)| size).min().unwrap_or(0);
            sizes
                .clone()
                .find(|&&(_, size)| size <= least + least / 128)
                .map_or(Plan::Plain, |&(plan, _)| plan)
        };
        Choice { plan: smallest(None), otherwise: smallest(Some(Plan::Dictionary)) }
    }

    /// Plans that a larger sample would hardly make the best.
    fn beaten(&self) -> impl Iterator<Item = (Plan, usize)> {
        let enough = self.size(self.choice().plan) as f64 * CLEARLY;
        self.sizes.iter().copied().filter(move |&(_, size)| size as f64 >= enough)
    }

    /// Whether all but one are beaten.
    fn is_clear(&self) -> bool {
        self.beaten().count() + 1 == self.sizes.len()
    }

    fn reason(&self, plan: Plan) -> Reason {
        let &Trial { values, distinct, bytes, .. } = self;
        Reason { plan, values, distinct, bytes, plain: self.size(Plan::Plain), encoded: self.size(plan) }
    }

    fn size(&self, of: Plan) -> usize {
        self.sizes.iter().find(|&&(plan, _)| plan == of).map_or(0, |&(_, size)| size)
    }
}

/// Indices of a sample, of each run those that differ; they are less than `seen`.
fn drawn(indices: &[u32], seen: usize) -> usize {
    let mut latest = vec![usize::MAX; seen];
    let mut is_first = |run, index| std::mem::replace(&mut latest[index as usize], run) != run;
    let runs = indices.chunks(indices.len().div_ceil(RUNS).max(1)).enumerate();
    runs.flat_map(|(run, indices)| indices.iter().map(move |&i| (run, i)))
        .filter(|&(run, i)| is_first(run, i))
        .count()
}

/// Distinct values among `rows`, when `seen` of a sample of `of` values are distinct: as many as there would be
/// if all were equally frequent. Infinite if the sample has none twice.
fn expected_distinct(seen: usize, of: usize, rows: usize) -> f64 {
    let (seen, of, rows) = (seen as f64, of as f64, rows as f64);
    // Of `all` values a sample has `all * (1 - e^(-of / all))`; that grows with `all`, so it can be bisected.
    let drawn = |all: f64, of: f64| -all * (-of / all).exp_m1();
    let (mut low, mut high) = (seen, seen * 1e6);
    for _ in 0..30 {
        let middle = (low * high).sqrt();
        if drawn(middle, of) < seen { low = middle } else { high = middle }
    }
    if high >= seen * 1e5 { f64::INFINITY } else { drawn(high, rows) }
}

/// Tries the plans for numbers.
pub fn choose_numbers<T: Number>(
    numbers: &[T],
    rows: usize,
    order: Order,
    compressor: Compressor,
) -> ParquetResult<Trial> {
    in_steps(numbers.len(), |run, earlier| try_numbers(numbers, (run, earlier), rows, order, compressor))
}

thread_local! {
    /// The numbers of a sample: for a table of its own, each trial would have fresh memory from the system.
    static SEEN: RefCell<NumberTable<u64>> = RefCell::new(NumberTable::new(0));
}

fn try_numbers<T: Number>(
    numbers: &[T],
    (run, earlier): (usize, Option<&Trial>),
    rows: usize,
    order: Order,
    compressor: Compressor,
) -> ParquetResult<Trial> {
    let runs = sample(numbers.len(), run).map(|run| &numbers[run]);
    let mut sampled = Vec::with_capacity(runs.clone().map(<[T]>::len).sum());
    runs.clone().for_each(|run| sampled.extend_from_slice(run));
    let mut trial = Trial::new(sampled.len(), rows, compressor, earlier);
    trial.add(Plan::Plain, |out| out.extend_from_slice(plain(&sampled)))?;
    let is_float = matches!(order, Order::Float | Order::Double);
    if !is_float {
        trial.add(Plan::Delta, |out| runs.for_each(|run| put_delta(out, run)))?;
    }
    trial.add_dictionary(MOST * T::WIDTH, |indices| {
        let words: Vec<u64> = sampled.iter().map(|number| number.bits()).collect();
        SEEN.with_borrow_mut(|table| {
            table.begin_anew(words.len());
            table.indices(&words, None, indices);
            (table.numbers().len(), T::WIDTH)
        })
    })?;
    // A codec may find more in the bytes of few numbers than in a sample of their indices, yet not in a page.
    if is_float || sampled.len() >= rows || trial.choice().plan != Plan::Dictionary {
        trial.add(Plan::Split, |out| put_split(out, &sampled))?;
    }
    Ok(trial)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::options::Codec;

    fn choose(number: impl Fn(u64) -> u64) -> (Plan, usize) {
        let numbers: Vec<u64> = (0..1 << 16).map(number).collect();
        let compressor = Compressor::new(Codec::Zstd(1));
        let trial = choose_numbers(&numbers, 1 << 20, Order::Uint64, compressor).unwrap();
        (trial.choice().plan, trial.values)
    }

    #[test]
    fn few_values_decide_what_is_clear() {
        let noise = |i: u64| {
            let mixed = (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb)
        };
        assert_eq!(choose(|i| 3 * i), (Plan::Delta, RUNS * FEW));
        assert_eq!(choose(|i| noise(noise(i) % 300)), (Plan::Dictionary, RUNS * FEW));
        // No encoding makes it smaller.
        assert_eq!(choose(noise).1, RUNS * MANY);
    }
}
