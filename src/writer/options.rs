//! What can be asked of a writer.

use crate::error::{Error, Result};
use crate::format::ParquetOptions;
use crate::storage::{IfExists, Sync, SyncEvery};

/// How a writer gathers, encodes and stores.
#[derive(Clone, Debug)]
pub struct WriterOptions {
    /// Of the file format.
    pub parquet: ParquetOptions,
    /// What is forced to disk at close.
    pub sync: Sync,
    /// When what has been written is forced to disk before close, whatever `sync` says; default never.
    pub sync_every: SyncEvery,
    /// What to do where the final name is taken.
    pub if_exists: IfExists,
    /// Whether a journal, `<path>.journal`, grows beside the temporary file, by which
    /// [`Writer::resume`](super::Writer::resume) and [`recover`](crate::recover::recover) finish a part that a crash
    /// cut short. The temporary file then stays when the writer fails or is dropped, too. Default no.
    pub journal: bool,
    /// Rows of a batch, or of a row group, if that has fewer; default 65,536.
    pub window_rows: usize,
    /// Bytes of a batch, about; default 16 MiB, at most 1 GiB.
    pub window_bytes: usize,
    /// Bytes of batches waiting to be encoded before an append blocks. None, the default: a batch for each of the
    /// pool's threads and two more, which keeps the threads busy, but 3 MiB at least, and 32 MiB, which a cache
    /// holds, at most.
    pub queue_bytes: Option<usize>,
}

impl Default for WriterOptions {
    fn default() -> Self {
        WriterOptions {
            parquet: ParquetOptions::default(),
            sync: Sync::OnClose,
            sync_every: SyncEvery { bytes: None, interval: None },
            if_exists: IfExists::Fail,
            journal: false,
            window_rows: 1 << 16,
            window_bytes: 16 << 20,
            queue_bytes: None,
        }
    }
}

impl WriterOptions {
    pub(super) fn check(&self) -> Result<()> {
        let at_least_one = [
            ("row_group_rows", self.parquet.row_group_rows),
            ("row_group_bytes", self.parquet.row_group_bytes),
            ("page_rows", self.parquet.page_rows),
            ("page_bytes", self.parquet.page_bytes),
            ("window_rows", self.window_rows),
            ("window_bytes", self.window_bytes),
            ("queue_bytes", self.queue_bytes.unwrap_or(1)),
            ("sync_every.bytes", self.sync_every.bytes.unwrap_or(1)),
        ];
        for (name, value) in at_least_one {
            if value == 0 {
                return Err(Error::invalid(format!("{name} is 0; give 1 or more")));
            }
        }
        if self.window_bytes > 1 << 30 {
            return Err(Error::invalid(format!(
                "window_bytes {} is more than 1 GiB; a batch's text offsets are 32 bits",
                self.window_bytes
            )));
        }
        Ok(())
    }
}
