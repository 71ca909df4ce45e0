//! Trials: how large each plan makes a sample of a column, compressed.

use std::sync::Arc;

use parquet::errors::Result as ParquetResult;

use super::seen::{Same, find_same};
use super::{Choice, Plan};
use crate::format::pages::{
    Compressor, Number, Order, bit_width, keep_words, plain, put_delta, put_indices, put_split, spare,
    spare_words,
};

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

/// Few values are like others if their sizes, and how many of them differ, are the same but for such a part, and so
/// many; and if a row group has at most so many times more different ones.
const NEAR: usize = 8;
const SLACK: usize = 48;
const ALIKE: f64 = 2.0;

/// Tries plans on few values, as a part may have no more than one page of them; then, if that leaves a doubt, those
/// that may be the best on more, up to an eighth. `on` makes a trial of a sample with runs of so many values, after
/// another. Where few values are like others of an earlier part, what is `known` of those is taken.
pub fn in_steps(
    count: usize,
    known: Option<&Arc<Tried>>,
    on: impl Fn(usize, Option<Before<'_>>) -> ParquetResult<Trial>,
) -> ParquetResult<Arc<Tried>> {
    if let Some(known) = known
        && known.agrees(&on(FEW, Some(Before::Part(known)))?.sizes)
    {
        return Ok(known.clone());
    }
    let few = on(FEW, None)?.sizes;
    let many = (count / RUNS / 8).clamp(FEW, MANY);
    let last =
        if few.is_clear() || many == FEW { few.clone() } else { on(many, Some(Before::Step(&few)))?.sizes };
    Ok(Arc::new(Tried { few, last }))
}

/// Parts of `count` values that stand for all: some runs of `run` values.
pub fn sample(count: usize, run: usize) -> impl Iterator<Item = std::ops::Range<usize>> + Clone {
    let (runs, run) = if count <= RUNS * run { (1, count) } else { (RUNS, run) };
    (0..runs)
        .map(move |i| (count - run) * i / runs.max(2).saturating_sub(1))
        .map(move |start| start..start + run)
}

/// What a sample came to in the plan that was chosen by it.
#[derive(Clone, Copy, Debug)]
pub struct Reason {
    pub plan: Plan,
    /// Values in the sample, and how many of them differ.
    pub values: usize,
    pub distinct: usize,
    /// Bytes of the sample in PLAIN form; of that, compressed; and in the plan's, compressed.
    pub bytes: usize,
    pub plain: usize,
    pub encoded: usize,
}

/// How large each plan makes a sample, compressed.
#[derive(Clone, Default)]
pub struct Sizes {
    plans: Vec<(Plan, usize)>,
    /// Values of the sample, and which of them are the same.
    values: usize,
    same: Same,
    /// Bytes of its PLAIN form, and of its deltas, before they are compressed.
    bytes: usize,
    deltas: usize,
    /// Different values that a row group has, likely, if a dictionary may take them.
    all: Option<f64>,
}

/// What the steps of a trial came to.
pub struct Tried {
    few: Sizes,
    last: Sizes,
}

/// What is known before a sample is tried.
#[derive(Clone, Copy)]
pub enum Before<'a> {
    /// A smaller sample of the same values, which may have ruled out some plans.
    Step(&'a Sizes),
    /// What an earlier part's samples came to.
    Part(&'a Tried),
}

/// A trial of a sample.
pub struct Trial {
    compressor: Compressor,
    /// Rows of the row group.
    rows: usize,
    sizes: Sizes,
    /// Plans that are not tried, and what they would make of this sample.
    ruled_out: Vec<(Plan, usize)>,
    /// The best plan of an earlier part: whether this sample is like that part's is the question, not what others
    /// would make of it.
    best_before: Option<Plan>,
}

impl Trial {
    /// Of so many values, for a row group of `rows`.
    pub fn new(values: usize, rows: usize, compressor: Compressor, before: Option<Before<'_>>) -> Self {
        let mut sizes = Sizes { values, ..Sizes::default() };
        let (mut ruled_out, mut best_before) = (Vec::new(), None);
        match before {
            None => {}
            Some(Before::Step(step)) => {
                ruled_out = step.beaten().map(|(plan, size)| (plan, size * values / step.values)).collect();
                let distinct = expected_distinct(step.same.distinct, step.values, values);
                sizes.same.distinct = distinct.min(values as f64) as usize;
                sizes.bytes = step.bytes * values / step.values;
            }
            Some(Before::Part(part)) => best_before = Some(part.choice().plan),
        }
        Trial { compressor, rows: rows.max(values), sizes, ruled_out, best_before }
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
        let is_wanted = self.best_before.is_none_or(|best| best == plan && plan != Plan::Delta);
        if !is_wanted && plan != Plan::Delta {
            return Ok(());
        }
        let mut page = spare::take();
        put(&mut page);
        match plan {
            Plan::Plain => self.sizes.bytes = page.len(),
            Plan::Delta => self.sizes.deltas = page.len(),
            Plan::Split | Plan::Dictionary => {}
        }
        let mut compress = || {
            let mut compressed = spare::take();
            let whole = (page.len() as f64 / self.sizes.values as f64 * rows as f64) as usize;
            self.compressor.compress_part(&page, whole, &mut compressed)?;
            self.sizes.plans.push((plan, compressed.len() + more));
            spare::give_back(compressed);
            Ok(())
        };
        let made = if is_wanted { compress() } else { Ok(()) };
        spare::give_back(page);
        made
    }

    /// Adds a plan as it is known, if it is ruled out. Whether it is.
    fn add_if_ruled_out(&mut self, plan: Plan) -> bool {
        let known = self.ruled_out.iter().find(|&&(beaten, _)| beaten == plan);
        self.sizes.plans.extend(known);
        known.is_some()
    }

    /// Tries a dictionary of values, each a key that no other has, and its bytes in the dictionary. Not for more than
    /// `most` bytes of values.
    pub fn add_dictionary(
        &mut self,
        most: usize,
        keys: impl Iterator<Item = (u64, usize)>,
    ) -> ParquetResult<()> {
        if self.add_if_ruled_out(Plan::Dictionary) {
            return Ok(());
        }
        let mut indices = spare_words();
        self.sizes.same = find_same(self.sizes.values, RUNS, keys, &mut indices);
        let added = self.add_indices(&indices, most);
        keep_words(indices);
        added
    }

    fn add_indices(&mut self, indices: &[u32], most: usize) -> ParquetResult<()> {
        let (of, rows) = (self.sizes.values, self.rows);
        let Same { distinct: seen, bytes, drawn } = self.sizes.same;
        let width = bytes / seen.max(1);
        let most = (most / width.max(1)) as f64;
        let distinct = expected_distinct(seen, of, rows);
        // Those, if equal neighbours do not tell that later rows have the value, too.
        let at_most = expected_distinct(seen, drawn, (rows as f64 / of as f64 * drawn as f64) as usize);
        if distinct > most || at_most > UNSURE * most {
            return Ok(());
        }
        self.sizes.all = Some(distinct);
        if self.best_before.is_some() {
            return Ok(());
        }
        // Values shrink as the plain ones do.
        let plain = of * width;
        let shrink = self.sizes.of(Plan::Plain).map_or(1.0, |size| size as f64 / plain as f64);
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
}

impl Sizes {
    /// The smallest; of those nearly as small, the first that was tried.
    fn choice(&self) -> Choice {
        let smallest = |but: Option<Plan>| {
            let plans = self.plans.iter().filter(|&&(plan, _)| Some(plan) != but);
            let least = plans.clone().map(|&(_, size)| size).min().unwrap_or(0);
            plans
                .clone()
                .find(|&&(_, size)| size <= least + least / 128)
                .map_or(Plan::Plain, |&(plan, _)| plan)
        };
        Choice { plan: smallest(None), otherwise: smallest(Some(Plan::Dictionary)) }
    }

    /// Plans that a larger sample would hardly make the best.
    fn beaten(&self) -> impl Iterator<Item = (Plan, usize)> {
        let enough = self.of(self.choice().plan).unwrap_or(0) as f64 * CLEARLY;
        self.plans.iter().copied().filter(move |&(_, size)| size as f64 >= enough)
    }

    /// Whether all but one are beaten.
    fn is_clear(&self) -> bool {
        self.beaten().count() + 1 == self.plans.len()
    }

    fn of(&self, plan: Plan) -> Option<usize> {
        self.plans.iter().find(|&&(tried, _)| tried == plan).map(|&(_, size)| size)
    }
}

impl Tried {
    pub fn choice(&self) -> Choice {
        self.last.choice()
    }

    pub fn reason(&self) -> Reason {
        let (plan, &Sizes { values, same: Same { distinct, .. }, bytes, .. }) =
            (self.choice().plan, &self.last);
        let size = |plan| self.last.of(plan).unwrap_or(0);
        Reason { plan, values, distinct, bytes, plain: size(Plan::Plain), encoded: size(plan) }
    }

    /// Whether a sample of an earlier part, and few values of another one, are of the same kind.
    fn agrees(&self, few: &Sizes) -> bool {
        let near = |a: usize, b: usize| {
            let b = b * self.few.values / few.values;
            a.abs_diff(b) <= a / NEAR + SLACK
        };
        let best = self.choice().plan;
        // The others' sizes follow from which values are the same, and from the deltas.
        let is_near = match (self.few.of(best), few.of(best)) {
            (Some(a), Some(b)) => near(a, b),
            _ => matches!(best, Plan::Dictionary | Plan::Delta),
        };
        let are_alike = match (self.few.all, few.all) {
            (Some(a), Some(b)) => a <= ALIKE * b && b <= ALIKE * a,
            (a, b) => a == b,
        };
        is_near
            && are_alike
            && near(self.few.same.distinct, few.same.distinct)
            && near(self.few.same.drawn, few.same.drawn)
            && near(self.few.deltas, few.deltas)
    }
}

/// Distinct values among `rows`, when `seen` of a sample of `of` values are distinct: as many as there would be
/// if all were equally frequent. Infinite if the sample has none twice.
fn expected_distinct(seen: usize, of: usize, rows: usize) -> f64 {
    let (seen, of, rows) = (seen as f64, of as f64, rows as f64);
    // Of `all` values a sample has `all * (1 - e^(-of / all))`; that grows with `all`, so it can be bisected.
    let drawn = |all: f64, of: f64| -all * (-of / all).exp_m1();
    let (mut low, mut high) = (seen, seen * 1e6);
    for _ in 0..16 {
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
    known: Option<&Arc<Tried>>,
) -> ParquetResult<Arc<Tried>> {
    in_steps(numbers.len(), known, |run, before| try_numbers(numbers, (run, before), rows, order, compressor))
}

fn try_numbers<T: Number>(
    numbers: &[T],
    (run, before): (usize, Option<Before<'_>>),
    rows: usize,
    order: Order,
    compressor: Compressor,
) -> ParquetResult<Trial> {
    let runs = sample(numbers.len(), run).map(|run| &numbers[run]);
    let values = runs.clone().map(<[T]>::len).sum();
    let mut trial = Trial::new(values, rows, compressor, before);
    trial.add(Plan::Plain, |out| runs.clone().for_each(|run| out.extend_from_slice(plain(run))))?;
    let is_float = matches!(order, Order::Float | Order::Double);
    if !is_float {
        trial.add(Plan::Delta, |out| runs.clone().for_each(|run| put_delta(out, run)))?;
    }
    let keys = runs.clone().flatten().map(|number| (number.bits(), T::WIDTH));
    trial.add_dictionary(MOST * T::WIDTH, keys)?;
    // A codec may find more in the bytes of few numbers than in a sample of their indices, yet not in a page.
    if is_float || values >= rows || trial.sizes.choice().plan != Plan::Dictionary {
        trial.add(Plan::Split, |out| put_split(out, &runs.collect::<Vec<_>>().concat()))?;
    }
    Ok(trial)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::options::Codec;

    fn choose(number: impl Fn(u64) -> u64, known: Option<&Arc<Tried>>) -> Arc<Tried> {
        let numbers: Vec<u64> = (0..1 << 16).map(number).collect();
        let compressor = Compressor::new(Codec::Zstd(1));
        choose_numbers(&numbers, 1 << 20, Order::Uint64, compressor, known).unwrap()
    }

    fn noise(i: u64) -> u64 {
        let mixed = (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb)
    }

    #[test]
    fn few_values_decide_what_is_clear() {
        let chosen = |number: fn(u64) -> u64| {
            let tried = choose(number, None);
            (tried.choice().plan, tried.last.values)
        };
        assert_eq!(chosen(|i| 3 * i), (Plan::Delta, RUNS * FEW));
        assert_eq!(chosen(|i| noise(noise(i) % 300)), (Plan::Dictionary, RUNS * FEW));
        // No encoding makes it smaller.
        assert_eq!(chosen(noise).1, RUNS * MANY);
    }

    #[test]
    fn what_is_known_is_taken_for_values_of_the_same_kind_only() {
        let among = |count: u64| move |i: u64| noise(noise(i) % count) >> 44;
        let kinds: [(Plan, &dyn Fn(u64) -> u64); 6] = [
            (Plan::Delta, &|i| 3 * i + noise(i) % 3),
            (Plan::Dictionary, &among(300)),
            (Plan::Dictionary, &among(30)),
            (Plan::Delta, &|i| noise(i) >> 44),
            // As many of a sample differ, and fewer of a run do; then fewer of a sample, of numbers as long.
            (Plan::Delta, &|i| (i / 4) << 20),
            (Plan::Dictionary, &|i| noise(noise(i) % 256) >> 30),
        ];
        for (a, (plan, number)) in kinds.iter().enumerate() {
            let known = choose(number, None);
            assert_eq!(known.choice().plan, *plan, "{a}");
            let again = choose(|i| number(i + (1 << 40)), Some(&known));
            assert!(Arc::ptr_eq(&known, &again), "{a}");
            for (b, (other, number)) in kinds.iter().enumerate() {
                let tried = choose(number, Some(&known));
                assert_eq!(tried.choice().plan, *other, "{a} {b}");
                assert!(plan == other || !Arc::ptr_eq(&known, &tried), "{a} {b}");
            }
        }
    }
}
