//! Columns of text and of bytes of any length, encoded from the arrays as they lie in memory.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_buffer::{Buffer, NullBuffer, NullBufferBuilder};
use arrow_schema::DataType;
use parquet::basic::{Encoding, Type};
use parquet::errors::Result as ParquetResult;
use parquet::schema::types::{ColumnDescPtr, ColumnDescriptor};

use super::choice::{Before, Chosen, Plan, RowGroupChoice, Trial, Tried, VALUE_ROWS, in_steps, sample};
use super::encoder::{ColumnEncoder, EncodedColumn};
use super::options::ChunkOptions;
use super::pages::{
    Bounds, Chunk, Compressor, DictionaryPage, IndexPage, Order, PageValues, PendingPage, TextTable,
    keep_words, put_delta, spare_words, text_key,
};
use super::parquet::writing;
use crate::error::Result;

/// Bytes of a dictionary at most, the parquet crate's default: a page that fits a cache.
const MOST: usize = 1 << 20;
/// Bytes of a run of texts in a sample, for each text that it may have, about.
const RUN_BYTES: usize = 128;

/// Whether texts of this type are stored as bytes of any length.
pub fn is_text(data_type: &DataType, column: &ColumnDescriptor) -> bool {
    column.physical_type() == Type::BYTE_ARRAY && matches!(data_type, DataType::Utf8 | DataType::Binary)
}

/// Encodes one field of a row group.
pub struct TextColumn {
    chunk: Chunk,
    choice: RowGroupChoice,
    table: TextTable,
    /// Whether a page has indices into the table.
    has_dictionary: bool,
    /// The last page that has the dictionary's text, counted from 1.
    seen: Vec<u32>,
    page: u32,
    /// Rows that do not make a page yet: where each valid text starts, where the last ends, the texts, and
    /// which rows they are.
    waiting_ends: Vec<i32>,
    waiting: Vec<u8>,
    waiting_valid: NullBufferBuilder,
    /// The page that has indices into the table.
    index_page: IndexPage,
    path: Arc<PathBuf>,
}

/// The valid texts of a page, as a run of an array's.
struct Texts<'a> {
    /// Where each starts, and where the last ends.
    ends: &'a [i32],
    bytes: &'a [u8],
    /// What keeps the bytes, if that may be.
    kept: Option<&'a Buffer>,
}

impl Texts<'_> {
    fn len(&self) -> usize {
        self.ends.len() - 1
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.ends.windows(2).map(|ends| &self.bytes[ends[0] as usize..ends[1] as usize])
    }

    /// The key of each, and its bytes in a dictionary.
    fn keys(&self) -> impl Iterator<Item = (u64, usize)> {
        let ends = self.ends.windows(2).map(|ends| (ends[0] as usize, ends[1] as usize));
        ends.map(|(start, end)| (text_key(self.bytes, start, end), 4 + end - start))
    }

    fn all(&self) -> &[u8] {
        &self.bytes[self.ends[0] as usize..self.ends[self.len()] as usize]
    }
}

impl TextColumn {
    pub fn new(
        column: ColumnDescPtr,
        options: ChunkOptions,
        chosen: Arc<Chosen>,
        row_group_rows: usize,
        path: Arc<PathBuf>,
    ) -> ParquetResult<Self> {
        Ok(TextColumn {
            chunk: Chunk::new(column, options)?,
            choice: RowGroupChoice::new(chosen, options.encoding, row_group_rows),
            table: TextTable::new(MOST),
            has_dictionary: false,
            seen: Vec::new(),
            page: 0,
            waiting_ends: vec![0],
            waiting: Vec::new(),
            waiting_valid: NullBufferBuilder::new(0),
            index_page: IndexPage::new(),
            path,
        })
    }

    /// Rows of a page of texts at most.
    fn page_rows(&self) -> usize {
        self.chunk.page_rows(1).min(VALUE_ROWS)
    }

    /// Encodes pages of rows, whose texts these ends are of. `kept` may keep them.
    fn put(
        &mut self,
        ends: &[i32],
        bytes: &[u8],
        nulls: Option<&NullBuffer>,
        kept: Option<&Buffer>,
    ) -> ParquetResult<()> {
        let count = ends.len() - 1;
        let mut start = 0;
        while start < count {
            let most = ends[start].saturating_add(self.chunk.page_bytes() as i32);
            let by_bytes = ends[start + 1..].partition_point(|&end| end <= most).max(1);
            let rows = by_bytes.min(self.page_rows()).min(count - start);
            let page = &ends[start..=start + rows];
            let nulls = nulls.map(|nulls| nulls.slice(start, rows)).filter(|n| n.null_count() > 0);
            // Nulls are empty for libflow's own arrays, but not for every caller's.
            let null_bytes =
                |nulls: &NullBuffer| (0..rows).any(|i| nulls.is_null(i) && page[i] < page[i + 1]);
            match &nulls {
                Some(nulls) if null_bytes(nulls) => {
                    let valid = nulls.valid_indices().map(|i| &bytes[page[i] as usize..page[i + 1] as usize]);
                    let (mut ends, mut own) = (vec![0], Vec::new());
                    valid.for_each(|text| {
                        own.extend_from_slice(text);
                        ends.push(own.len() as i32);
                    });
                    self.put_page(&Texts { ends: &ends, bytes: &own, kept: None }, Some(nulls))?;
                }
                Some(nulls) => {
                    let ends = page[..1].iter().copied().chain(nulls.valid_indices().map(|i| page[i + 1]));
                    let ends: Vec<_> = ends.collect();
                    self.put_page(&Texts { ends: &ends, bytes, kept }, Some(nulls))?;
                }
                None => self.put_page(&Texts { ends: page, bytes, kept }, None)?,
            }
            start += rows;
        }
        Ok(())
    }

    /// Keeps rows for a page of more.
    fn wait(&mut self, ends: &[i32], bytes: &[u8], nulls: Option<&NullBuffer>) {
        let Some(nulls) = nulls else {
            let (first, waiting) = (ends[0], self.waiting.len() as i32);
            self.waiting_valid.append_n_non_nulls(ends.len() - 1);
            self.waiting.extend_from_slice(&bytes[first as usize..ends[ends.len() - 1] as usize]);
            self.waiting_ends.extend(ends[1..].iter().map(|end| end - first + waiting));
            return;
        };
        self.waiting_valid.append_buffer(nulls);
        for i in nulls.valid_indices() {
            self.waiting.extend_from_slice(&bytes[ends[i] as usize..ends[i + 1] as usize]);
            self.waiting_ends.push(self.waiting.len() as i32);
        }
    }

    fn put_waiting(&mut self) -> ParquetResult<()> {
        if self.waiting_valid.is_empty() {
            return Ok(());
        }
        let (ends, bytes) = (std::mem::take(&mut self.waiting_ends), std::mem::take(&mut self.waiting));
        let nulls = self.waiting_valid.finish();
        self.put_page(&Texts { ends: &ends, bytes: &bytes, kept: None }, nulls.as_ref())?;
        (self.waiting_ends, self.waiting) = (ends, bytes);
        self.waiting_ends.truncate(1);
        self.waiting.clear();
        Ok(())
    }

    fn put_page(&mut self, texts: &Texts<'_>, nulls: Option<&NullBuffer>) -> ParquetResult<()> {
        let compressor = self.chunk.compressor();
        let mut plan = match texts.len() {
            0 => Plan::Plain,
            _ => self.choice.get(|rows, known| choose(texts, rows, compressor, known))?,
        };
        let mut bounds = Bounds::new(Some(Order::Bytes));
        bounds.nulls = nulls.map_or(0, |nulls| nulls.null_count() as u64);
        let mut indices = spare_words();
        if plan == Plan::Dictionary && !self.look_up(texts, &mut bounds, &mut indices) {
            plan = self.choice.give_up_dictionary();
        }
        self.has_dictionary |= plan == Plan::Dictionary;
        if plan == Plan::Dictionary {
            let count = self.table.count();
            let added = self.index_page.add(&mut self.chunk, &mut indices, nulls, bounds, count);
            keep_words(indices);
            return added;
        }
        keep_words(indices);
        self.index_page.end(&mut self.chunk)?;
        self.chunk.filter(texts.iter());
        if self.chunk.has_statistics()
            && let Some((least, greatest)) = extremes(texts)
        {
            bounds.add(least);
            bounds.add(greatest);
        }

        let rows = texts.len() + bounds.nulls as usize;
        let validity = nulls.map(|nulls| (nulls.validity(), nulls.offset()));
        let kept = match plan {
            Plan::Delta => self.chunk.keep(texts.kept, texts.all()),
            _ => None,
        };
        let bytes = match kept {
            Some(_) => None,
            None => Some(texts.all().len() + texts.len() * size_of::<u32>()),
        };
        self.chunk.put_page(rows, validity, bytes, |out| {
            let encoding = match plan {
                Plan::Delta => {
                    put_lengths(out, texts);
                    if kept.is_none() {
                        out.extend_from_slice(texts.all());
                    }
                    Encoding::DELTA_LENGTH_BYTE_ARRAY
                }
                Plan::Plain | Plan::Split | Plan::Dictionary => {
                    put_plain(out, texts);
                    Encoding::PLAIN
                }
            };
            PageValues { encoding, bounds, kept }
        })
    }

    /// Fills `indices`, empty yet, with the dictionary's index of each text, and adds to the page's bounds; false once
    /// the dictionary is full.
    fn look_up(&mut self, texts: &Texts<'_>, bounds: &mut Bounds, indices: &mut Vec<u32>) -> bool {
        if !self.table.indices(texts.ends, texts.bytes, indices) {
            return false;
        }
        self.page += 1;
        self.seen.resize(self.table.count(), 0);
        for &index in &*indices {
            let seen = &mut self.seen[index as usize];
            if *seen != self.page {
                *seen = self.page;
                bounds.add(self.table.text(index));
            }
        }
        true
    }
}

impl ColumnEncoder for TextColumn {
    fn write(&mut self, array: &ArrayRef, keeps: bool) -> Result<()> {
        let (ends, bytes) = match array.data_type() {
            DataType::Utf8 => (array.as_string::<i32>().offsets(), array.as_string::<i32>().values()),
            _ => (array.as_binary::<i32>().offsets(), array.as_binary::<i32>().values()),
        };
        let size = (ends[array.len()] - ends[0]) as usize;
        let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
        self.choice.add_rows(array.len());
        let (page_rows, page_bytes) = (self.page_rows(), self.chunk.page_bytes());
        let written = if array.len() >= self.choice.enough(page_rows) || size >= page_bytes / 4 {
            let kept = Some(bytes).filter(|_| keeps);
            self.put_waiting().and_then(|()| self.put(ends, bytes, nulls, kept))
        } else {
            let is_full =
                self.waiting_valid.len() + array.len() > page_rows || self.waiting.len() + size > page_bytes;
            let put = if is_full { self.put_waiting() } else { Ok(()) };
            put.map(|()| self.wait(ends, bytes, nulls))
        };
        written.map_err(|e| writing(&self.path, &e))
    }

    fn take_pages(&mut self) -> Vec<PendingPage> {
        self.chunk.take_pages()
    }

    fn memory(&self) -> usize {
        let waiting = self.waiting.len() + self.waiting_ends.len() * 4;
        waiting + self.table.memory() + self.index_page.memory()
    }

    fn close(mut self: Box<Self>) -> Result<EncodedColumn> {
        let path = self.path.clone();
        self.choice.end();
        let closed = self.put_waiting().and_then(|()| self.index_page.end(&mut self.chunk)).and_then(|()| {
            let count = self.table.count();
            let dictionary = self.has_dictionary.then(|| DictionaryPage {
                plain: self.table.plain(),
                count,
                used: Some(count),
            });
            self.chunk.close(dictionary)
        });
        closed.map(EncodedColumn::ours).map_err(|e| writing(&path, &e))
    }
}

fn choose(
    texts: &Texts<'_>,
    rows: usize,
    compressor: Compressor,
    known: Option<&Arc<Tried>>,
) -> ParquetResult<Arc<Tried>> {
    in_steps(texts.len(), known, |run, before| try_texts(texts, (run, before), rows, compressor))
}

fn try_texts(
    texts: &Texts<'_>,
    (run, before): (usize, Option<Before<'_>>),
    rows: usize,
    compressor: Compressor,
) -> ParquetResult<Trial> {
    // Long texts need fewer for a fair sample.
    let run_bytes = (run * RUN_BYTES) as i32;
    let runs = sample(texts.len(), run).map(|run| {
        let bytes = texts.ends[run.start].saturating_add(run_bytes);
        let len =
            texts.ends[run.start + 1..=run.end].partition_point(|&end| end <= bytes).max(1.min(run.len()));
        Texts { ends: &texts.ends[run.start..=run.start + len], ..*texts }
    });
    let runs: Vec<_> = runs.collect();
    let values = runs.iter().map(Texts::len).sum();
    let mut trial = Trial::new(values, rows, compressor, before);
    trial.add(Plan::Delta, |out| {
        runs.iter().for_each(|run| {
            put_lengths(out, run);
            out.extend_from_slice(run.all());
        });
    })?;
    trial.add(Plan::Plain, |out| runs.iter().for_each(|run| put_plain(out, run)))?;
    trial.add_dictionary(MOST, runs.iter().flat_map(Texts::keys))?;
    Ok(trial)
}

/// PLAIN: each text after its length.
fn put_plain(out: &mut Vec<u8>, texts: &Texts<'_>) {
    out.reserve(texts.all().len() + 4 * texts.len());
    for text in texts.iter() {
        out.extend_from_slice(&(text.len() as u32).to_le_bytes());
        out.extend_from_slice(text);
    }
}

/// What DELTA_LENGTH_BYTE_ARRAY has before all texts.
fn put_lengths(out: &mut Vec<u8>, texts: &Texts<'_>) {
    let lengths: Vec<u32> = texts.ends.windows(2).map(|ends| (ends[1] - ends[0]) as u32).collect();
    put_delta(out, &lengths);
}

/// The least and the greatest text. Most differ in their first eight bytes, which are one number.
fn extremes<'a>(texts: &'a Texts<'_>) -> Option<(&'a [u8], &'a [u8])> {
    let key = |text: &[u8]| match text.first_chunk() {
        Some(first) => u64::from_be_bytes(*first),
        None => {
            let mut first = [0; 8];
            first[..text.len()].copy_from_slice(text);
            u64::from_be_bytes(first)
        }
    };
    let mut found: Option<[(u64, &[u8]); 2]> = None;
    for text in texts.iter() {
        let key = key(text);
        match &mut found {
            None => found = Some([(key, text); 2]),
            Some([least, greatest]) => {
                if key < least.0 || key == least.0 && text < least.1 {
                    *least = (key, text);
                }
                if key > greatest.0 || key == greatest.0 && text > greatest.1 {
                    *greatest = (key, text);
                }
            }
        }
    }
    found.map(|[least, greatest]| (least.1, greatest.1))
}
