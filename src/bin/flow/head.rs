//! `flow head`: the first rows, as a table.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{Array, RecordBatch, make_array};
use arrow_cast::pretty::pretty_format_batches;
use arrow_schema::{DataType, Field, Schema};
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
        batches.push(RecordBatch::new_empty(schema));
    }
    let shown = batches.iter().map(RecordBatch::num_rows).sum::<usize>();
    let batches = batches.iter().map(in_utc).collect::<Result<Vec<_>, _>>()?;
    Ok(format!("{}\n{} of {} rows\n", pretty_format_batches(&batches)?, count(shown as u64), count(total)))
}

/// Shows instants in UTC, whatever zone their column names: the names' database is megabytes.
fn in_utc(batch: &RecordBatch) -> Result<RecordBatch, Failure> {
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        let shown = match field.data_type() {
            DataType::Timestamp(unit, Some(_)) => DataType::Timestamp(*unit, Some("+00:00".into())),
            other => other.clone(),
        };
        fields.push(Field::new(field.name(), shown.clone(), field.is_nullable()));
        columns.push(make_array(column.to_data().into_builder().data_type(shown).build()?));
    }
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}
