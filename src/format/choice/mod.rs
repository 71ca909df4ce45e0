//! Which encoding a column gets: the one whose sample is smallest once compressed.

mod known;
mod seen;
mod trial;

use std::sync::Arc;

use parking_lot::Mutex;
use parquet::basic::{Encoding, Type};
use parquet::errors::Result as ParquetResult;
use parquet::schema::types::ColumnPath;

use super::options::Codec;
use known::Kind;
pub use trial::{Before, MOST, Trial, Tried, VALUE_ROWS, choose_numbers, in_steps, sample};

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

/// A column's choice, which its row groups share until it is old.
pub struct Chosen {
    kind: Kind,
    choices: Mutex<Choices>,
}

#[derive(Default)]
struct Choices {
    current: Option<Current>,
    /// Rows that the latest row group to end had.
    latest_rows: Option<usize>,
    /// Of each plan that was chosen, why it was for the first time.
    reasons: Vec<trial::Reason>,
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
    fn is_for(&self, rows: usize) -> bool {
        self.left > 0 && are_alike(rows, self.rows)
    }
}

/// Whether a choice for row groups of the one length is one for those of the other: a dictionary pays for twice as
/// many rows where it does for so many, or is too large for both.
fn are_alike(rows: usize, others: usize) -> bool {
    rows <= 2 * others && others <= 2 * rows
}

/// Rows that a choice is good for: values may change their ways. The next one, if it is the same, is good for twice
/// as many, up to the latter.
const GOOD_FOR: usize = 1 << 20;
const GOOD_FOR_AT_MOST: usize = 1 << 24;

impl Chosen {
    /// None yet, for a leaf column of this name and type.
    pub fn new(path: ColumnPath, physical: Type, codec: Codec) -> Self {
        Chosen { kind: Kind { path, physical, codec }, choices: Mutex::default() }
    }

    /// Rows to expect of a row group that may have `most`, if that is known: as many as the latest had, or as the
    /// choice is for. They tell whether a dictionary will pay.
    fn expected_rows(&self, most: usize) -> Option<usize> {
        let chosen = self.choices.lock();
        let full = || chosen.current.as_ref().is_some_and(|current| current.is_for(most)).then_some(most);
        chosen.latest_rows.or_else(full)
    }

    /// Notes how many rows a row group had.
    fn ended(&self, rows: usize) {
        self.choices.lock().latest_rows = Some(rows);
    }

    /// The choice for a row group of so many rows, the first of which are here.
    fn get(
        &self,
        rows: usize,
        choose: impl FnOnce(Option<&Arc<Tried>>) -> ParquetResult<Arc<Tried>>,
    ) -> ParquetResult<Choice> {
        let mut chosen = self.choices.lock();
        let mut current = match chosen.current.take() {
            Some(current) if current.is_for(rows) => current,
            old => {
                let tried = match &old {
                    None => known::or_tried(&self.kind, rows, choose)?,
                    // Values that may have changed their ways are tried in all plans.
                    Some(_) => choose(None)?,
                };
                let choice = tried.choice();
                if chosen.reasons.iter().all(|reason| reason.plan != choice.plan) {
                    chosen.reasons.push(tried.reason());
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
            true => page_rows / 8,
            false => page_rows.min(self.most),
        }
    }

    /// What is chosen; `choose` tries it for a row group of so many rows, and may know what an earlier part's trial
    /// came to.
    pub fn get(
        &mut self,
        choose: impl FnOnce(usize, Option<&Arc<Tried>>) -> ParquetResult<Arc<Tried>>,
    ) -> ParquetResult<Plan> {
        if let Some(choice) = self.choice {
            return Ok(choice.plan);
        }
        let expected = || self.chosen.expected_rows(self.most).unwrap_or(self.most);
        let rows = if self.is_ended { self.rows } else { expected().max(self.rows) };
        Ok(self.choice.insert(self.chosen.get(rows, |known| choose(rows, known))?).plan)
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
        for trial::Reason { plan, values, distinct, bytes, plain, encoded } in &chosen.choices.lock().reasons
        {
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
