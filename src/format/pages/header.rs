//! Page headers (parquet.thrift, `PageHeader`) in Thrift's compact protocol. The parquet crate's have no
//! checksum, so it is put into them.

use parquet::basic::{Encoding, PageType};
use parquet::errors::{ParquetError, Result as ParquetResult};

use super::hybrid::put_varint;

/// What comes before a page.
pub struct PageHeader {
    pub kind: PageKind,
    /// Bytes of the page before compression, and as it is stored.
    pub plain_bytes: usize,
    pub bytes: usize,
    /// Of the page as it is stored.
    pub crc: Option<u32>,
}

/// A page's kind, and what is said of that kind.
#[derive(Clone, Copy)]
pub enum PageKind {
    Dictionary { count: usize },
    V1 { rows: usize, encoding: Encoding },
    V2 { rows: usize, nulls: usize, encoding: Encoding, level_bytes: usize, is_compressed: bool },
}

impl PageHeader {
    /// Appends the header.
    pub fn put(&self, out: &mut Vec<u8>) -> ParquetResult<()> {
        let number = |n: usize| {
            i32::try_from(n)
                .map_err(|_| ParquetError::General(format!("a page of {n} bytes; 2 GiB are the most")))
        };
        let mut page = Fields { out, last: 0 };
        let (kind, field) = match self.kind {
            PageKind::Dictionary { .. } => (PageType::DICTIONARY_PAGE, 7),
            PageKind::V1 { .. } => (PageType::DATA_PAGE, 5),
            PageKind::V2 { .. } => (PageType::DATA_PAGE_V2, 8),
        };
        page.int(1, kind as i32);
        page.int(2, number(self.plain_bytes)?);
        page.int(3, number(self.bytes)?);
        if let Some(crc) = self.crc {
            page.int(4, crc as i32);
        }
        page.start(field, STRUCT);
        let mut inner = Fields { out: &mut *page.out, last: 0 };
        match self.kind {
            PageKind::Dictionary { count } => {
                inner.int(1, number(count)?);
                inner.int(2, Encoding::PLAIN as i32);
            }
            PageKind::V1 { rows, encoding } => {
                inner.int(1, number(rows)?);
                inner.int(2, encoding as i32);
                inner.int(3, Encoding::RLE as i32);
                inner.int(4, Encoding::RLE as i32);
            }
            PageKind::V2 { rows, nulls, encoding, level_bytes, is_compressed } => {
                inner.int(1, number(rows)?);
                inner.int(2, number(nulls)?);
                inner.int(3, number(rows)?);
                inner.int(4, encoding as i32);
                inner.int(5, number(level_bytes)?);
                inner.int(6, 0);
                inner.start(7, if is_compressed { TRUE } else { FALSE });
            }
        }
        out.extend_from_slice(&[STOP, STOP]);
        Ok(())
    }
}

/// The CRC-32 of a page as it is stored, in pieces.
pub fn checksum(pieces: &[&[u8]]) -> u32 {
    let mut crc = flate2::Crc::new();
    pieces.iter().for_each(|piece| crc.update(piece));
    crc.sum()
}

/// The crate's header of a page with the page's checksum in it, and whether it is a dictionary's.
pub fn with_checksum(header: &[u8], page: &[u8]) -> (Vec<u8>, bool) {
    // The type and two sizes: fields 1 to 3, each a byte and a varint.
    let mut end = 0;
    for _ in 0..3 {
        end += 1;
        end += header[end..].iter().take_while(|&&byte| byte >= 0x80).count() + 1;
    }
    let mut out = Vec::with_capacity(header.len() + 6);
    out.extend_from_slice(&header[..end]);
    Fields { out: &mut out, last: 3 }.int(4, checksum(&[page]) as i32);
    // The next field's number is told from the one before.
    out.push(header[end] - (1 << 4));
    out.extend_from_slice(&header[end + 1..]);
    (out, header[1] == (PageType::DICTIONARY_PAGE as u8) << 1)
}

/// Types of the compact protocol.
const STOP: u8 = 0;
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const I32: u8 = 5;
const STRUCT: u8 = 12;

/// A struct's fields, in the order of their numbers.
struct Fields<'a> {
    out: &'a mut Vec<u8>,
    last: u8,
}

impl Fields<'_> {
    fn start(&mut self, field: u8, kind: u8) {
        self.out.push((field - self.last) << 4 | kind);
        self.last = field;
    }

    fn int(&mut self, field: u8, value: i32) {
        self.start(field, I32);
        put_varint(self.out, u64::from((value << 1 ^ value >> 31) as u32));
    }
}
