//! One column's share of a row chunk, borrowed from the caller. Nothing need be aligned.

use std::ops::Range;

/// One column's share of a row chunk: data, layout, validity and length.
#[derive(Clone, Copy, Debug)]
pub struct ColumnSlice<'a> {
    /// The values and how they lie in memory.
    pub values: Values<'a>,
    /// Which values are null.
    pub validity: Validity<'a>,
    /// Number of elements.
    pub len: usize,
}

/// How a column's values lie in memory (little-endian, like every machine libflow runs on).
#[derive(Clone, Copy, Debug)]
pub enum Values<'a> {
    /// Element i is the field's width in bytes at `bytes[i * stride..]`. A bool is one byte, 0 is false.
    Fixed {
        /// The elements, and what lies between them.
        bytes: &'a [u8],
        /// Bytes from one element to the next; the field's width when they are adjacent.
        stride: usize,
    },
    /// Element i is `bytes[offsets[i]..offsets[i + 1]]`: Arrow's variable-size binary layout.
    Offsets {
        /// `len + 1` int32 offsets, as bytes.
        offsets: &'a [u8],
        /// What the offsets point into.
        bytes: &'a [u8],
    },
    /// Text of a fixed width, padded on the right with spaces or NULs, at `bytes[i * stride..]`.
    PaddedText {
        /// The elements, and what lies between them.
        bytes: &'a [u8],
        /// Bytes from one element to the next.
        stride: usize,
        /// Bytes of one element, padding included.
        width: usize,
    },
}

/// Which elements of a column are null.
#[derive(Clone, Copy, Debug)]
pub enum Validity<'a> {
    /// None.
    AllValid,
    /// Arrow's bitmap: bit i, least significant first, is 1 if element i is valid.
    Bitmap(&'a [u8]),
    /// Those whose bits equal this value's low bytes; padded text is null when blank.
    Sentinel(u64),
    /// Those whose row has a 0 in the bits `mask` of the byte at `bytes[i * stride]`.
    RowBit {
        /// The bytes that hold the bits, and what lies between them.
        bytes: &'a [u8],
        /// Bytes from one element's byte to the next.
        stride: usize,
        /// The bit.
        mask: u8,
    },
}

impl<'a> ColumnSlice<'a> {
    /// Adjacent fixed-width values, all valid.
    pub fn fixed(bytes: &'a [u8], width: usize) -> Self {
        let len = bytes.len() / width.max(1);
        ColumnSlice { values: Values::Fixed { bytes, stride: width }, validity: Validity::AllValid, len }
    }

    /// Whether element `row` is valid; `width` is the element's, in bytes.
    pub(super) fn is_valid(&self, row: usize, width: usize) -> bool {
        match self.validity {
            Validity::AllValid => true,
            Validity::Bitmap(bits) => bits[row / 8] >> (row % 8) & 1 == 1,
            Validity::RowBit { bytes, stride, mask } => bytes[row * stride] & mask != 0,
            Validity::Sentinel(sentinel) => match self.values {
                Values::Fixed { bytes, stride } => {
                    bytes[row * stride..][..width] != sentinel.to_le_bytes()[..width]
                }
                Values::PaddedText { .. } | Values::Offsets { .. } => !self.text(row).is_empty(),
            },
        }
    }

    /// The bytes of element `row` of a column of variable length, padding removed.
    pub(super) fn text(&self, row: usize) -> &'a [u8] {
        match self.values {
            Values::Offsets { offsets, bytes } => {
                let range = offset(offsets, row)..offset(offsets, row + 1);
                &bytes[range]
            }
            Values::PaddedText { bytes, stride, width } => {
                let padded = &bytes[row * stride..][..width];
                let end = padded.iter().rposition(|&b| b != b' ' && b != 0).map_or(0, |last| last + 1);
                &padded[..end]
            }
            Values::Fixed { .. } => &[],
        }
    }

    /// An upper bound of the bytes that `rows` add to a window, their variable part only.
    pub(super) fn text_bytes(&self, rows: Range<usize>) -> usize {
        match self.values {
            Values::Fixed { .. } => 0,
            Values::Offsets { offsets, .. } => offset(offsets, rows.end) - offset(offsets, rows.start),
            // U+FFFD is three bytes.
            Values::PaddedText { width, .. } => rows.len() * width * 3,
        }
    }
}

/// Offset `i` of an int32 offset array that the checks have seen.
pub(super) fn offset(offsets: &[u8], i: usize) -> usize {
    signed_offset(offsets, i) as usize
}

/// Offset `i` of an int32 offset array.
pub(super) fn signed_offset(offsets: &[u8], i: usize) -> i32 {
    let mut le = [0; 4];
    le.copy_from_slice(&offsets[i * 4..][..4]);
    i32::from_le_bytes(le)
}
