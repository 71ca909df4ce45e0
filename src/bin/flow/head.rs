//! `flow head`: the first rows, as a table.

use std::path::Path;

use arrow_cast::pretty::pretty_format_batches;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::table::count;
use super::{Failure, open, unreadable};

pub fn show(part: &Path, rows: usize) -> Result<String, Failure> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(open(part)?).map_err(unreadable(part))?;
    let total = reader.metadata().file_metadata().num_rows();
    let schema = reader.schema().clone();
    let reader = reader.with_limit(rows).build().map_err(unreadable(part))?;
    let mut batches =
        reader.collect::<Result<Vec<_>, _>>().map_err(|e| format!("{}: {e}", part.display()))?;
    if batches.is_empty() {
        batches.push(arrow_array::RecordBatch::new_empty(schema));
    }
    let shown = batches.iter().map(|batch| batch.num_rows()).sum::<usize>();
    Ok(format!("{}\n{} of {} rows\n", pretty_format_batches(&batches)?, count(shown as u64), count(total)))
}
