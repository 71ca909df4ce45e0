//! A page on its way: made of its values, compressed by any thread, written with its row group.

use std::io;
use std::sync::{Arc, OnceLock};

use arrow_buffer::Buffer;
use parquet::basic::Encoding;
use parquet::errors::Result as ParquetResult;

use super::bounds::Bounds;
use super::compress::Compressor;
use super::header::{PageHeader, PageKind, checksum};
use super::spare;
use crate::format::assembly::Columns;
use crate::format::options::{ChunkOptions, Codec};

/// Where a page is put when it has been compressed.
pub type Slot = Arc<OnceLock<ParquetResult<WrittenPage>>>;

/// A page as the file has it, with its header.
#[derive(Debug)]
pub struct WrittenPage {
    memory: Vec<u8>,
    /// Where it starts there.
    start: usize,
    /// What comes after that memory's end.
    kept: Option<Buffer>,
    /// Bytes before compression, header included.
    pub plain_bytes: usize,
}

impl WrittenPage {
    pub fn bytes(&self) -> usize {
        self.memory.len() - self.start + self.kept.as_ref().map_or(0, Buffer::len)
    }

    pub fn write_to(self, row_group: &mut Columns<'_>) -> io::Result<()> {
        row_group.write(&self.memory[self.start..])?;
        if let Some(kept) = self.kept {
            row_group.write(&kept)?;
        }
        spare::give_back(self.memory);
        Ok(())
    }
}

/// Room before a page's bytes for its header, so that the two lie together and neither has to be moved.
pub const HEADER: usize = 64;

/// The values of a page: how they are encoded, and what is known of them.
pub struct PageValues {
    pub encoding: Encoding,
    pub bounds: Bounds,
    /// Their end, where it stays as it is and where it lies, until it is written.
    pub kept: Option<Buffer>,
}

/// A page that has yet to be compressed, by any thread.
pub struct PendingPage {
    /// After the room for its header.
    pub(super) plain: Vec<u8>,
    pub(super) kept: Option<Buffer>,
    pub(super) kind: PageKind,
    pub(super) options: ChunkOptions,
    pub(super) written: Slot,
}

impl PendingPage {
    /// Bytes before compression.
    pub fn plain_bytes(&self) -> usize {
        self.plain.len() - HEADER + self.kept.as_ref().map_or(0, Buffer::len)
    }

    /// Compresses it; returns the bytes that it has then. An error is its chunk's to tell.
    pub fn compress(self) -> usize {
        let written = write_page(&self.options, self.plain, self.kept, self.kind);
        let bytes = written.as_ref().map_or(0, WrittenPage::bytes);
        // Nobody else has this page.
        let _ = self.written.set(written);
        bytes
    }
}

/// Compresses a page, which comes after the room for its header, and puts that before it. An end that is kept
/// elsewhere is not compressed.
pub fn write_page(
    options: &ChunkOptions,
    plain: Vec<u8>,
    kept: Option<Buffer>,
    mut kind: PageKind,
) -> ParquetResult<WrittenPage> {
    let (plain_len, mut page) = (plain.len(), plain);
    if options.codec != Codec::Uncompressed {
        let levels = if let PageKind::V2 { level_bytes, .. } = kind { level_bytes } else { 0 };
        let (before, values) = page.split_at(HEADER + levels);
        let mut compressed = spare::take();
        compressed.extend_from_slice(before);
        Compressor::new(options.codec).compress(values, &mut compressed)?;
        // Version 1 cannot tell that a page is not compressed.
        if !matches!(kind, PageKind::V2 { .. }) || compressed.len() < plain_len {
            std::mem::swap(&mut page, &mut compressed);
        } else if let PageKind::V2 { is_compressed, .. } = &mut kind {
            *is_compressed = false;
        }
        spare::give_back(compressed);
    } else if let PageKind::V2 { is_compressed, .. } = &mut kind {
        *is_compressed = false;
    }
    if !spare::fits(page.capacity(), page.len()) {
        // It stays until its row group is written.
        let mut fitting = spare::take_for(page.len());
        fitting.extend_from_slice(&page);
        spare::give_back(std::mem::replace(&mut page, fitting));
    }
    let rest = kept.as_deref().unwrap_or_default();
    let crc = options.page_crc.then(|| checksum(&[&page[HEADER..], rest]));
    let (plain_bytes, bytes) = (plain_len - HEADER + rest.len(), page.len() - HEADER + rest.len());
    let mut header = Vec::with_capacity(HEADER);
    PageHeader { kind, plain_bytes, bytes, crc }.put(&mut header)?;
    let start = HEADER - header.len();
    page[start..HEADER].copy_from_slice(&header);
    Ok(WrittenPage { plain_bytes: header.len() + plain_bytes, memory: page, start, kept })
}
