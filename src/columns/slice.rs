//! One column's share of a row chunk, borrowed from the caller. Nothing need be aligned.

use super::pointers::PointerArray;

/// One column's share of a row chunk: data, layout, validity, selection, length.
#[derive(Clone, Copy, Debug)]
pub struct ColumnSlice<'a> {
    /// The source elements and how they lie in memory.
    pub values: Values<'a>,
    /// Which source elements are null.
    pub validity: Validity<'a>,
    /// Which source elements the rows are.
    pub selection: Selection<'a>,
    /// Number of source elements.
    pub source_len: usize,
}

/// How a column's source elements lie in memory (little-endian, like every machine libflow runs on).
#[derive(Clone, Copy, Debug)]
pub enum Values<'a> {
    /// Element i is the field's width in bytes at `bytes[i * stride..]`. A bool is one byte, 0 is false.
    Fixed {
        /// The elements, and what lies between them.
        bytes: &'a [u8],
        /// Bytes from one element to the next; the field's width when they are adjacent.
        stride: usize,
    },
    /// Julia's dates and times, as int64 at `bytes[i * stride..]`: days (for dates) or milliseconds (for
    /// timestamps) since 0000-12-31, the day before 0001-01-01 (Rata Die day 0).
    RataDie {
        /// The elements, and what lies between them.
        bytes: &'a [u8],
        /// Bytes from one element to the next.
        stride: usize,
    },
    /// Bools as bits, least significant first; element i is bit `offset + i`.
    Bits {
        /// The bits.
        bytes: &'a [u8],
        /// Bits before the first element.
        offset: usize,
    },
    /// Element i is `bytes[offsets[i]..offsets[i + 1]]`: Arrow's variable-size binary layout.
    Offsets {
        /// `len + 1` offsets, as bytes.
        offsets: &'a [u8],
        /// Bytes of an offset: 4 or 8.
        width: usize,
        /// What the offsets point into.
        bytes: &'a [u8],
    },
    /// A pointer and a length for each element.
    Pointers(PointerArray<'a>),
    /// Arrow's variable-size binary view layout: 16 bytes for each element.
    Views {
        /// The views.
        views: &'a [u8],
        /// The data buffers that long views refer to.
        buffers: PointerArray<'a>,
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
    /// Element i is element `indices[i]` of another slice, which has no selection or nulls of its own.
    Dictionary {
        /// Adjacent signed integers.
        indices: &'a [u8],
        /// Bytes of an index: 1, 2, 4 or 8.
        width: usize,
        /// The distinct values.
        values: &'a ColumnSlice<'a>,
    },
    /// Lists: element i is `elements[offsets[i]..offsets[i + 1]]`, Arrow's variable-size list layout.
    Lists {
        /// `len + 1` offsets, as bytes.
        offsets: &'a [u8],
        /// Bytes of an offset: 4 or 8.
        width: usize,
        /// What the offsets point into: a slice without a selection of its own.
        elements: &'a ColumnSlice<'a>,
    },
    /// Structs: element i is element i of each of these slices, which have no selection of their own.
    Structs(&'a [ColumnSlice<'a>]),
}

/// Which source elements are null.
#[derive(Clone, Copy, Debug)]
pub enum Validity<'a> {
    /// None.
    AllValid,
    /// Arrow's bitmap: bit `offset + i`, least significant first, is 1 if element i is valid.
    Bitmap {
        /// The bits.
        bits: &'a [u8],
        /// Bits before the first element's.
        offset: usize,
    },
    /// Byte i is 0 if element i is null.
    Bytes(&'a [u8]),
    /// Those whose bits equal this value's low bytes; padded text is null when blank.
    Sentinel(u64),
    /// Floats that are NaN.
    Nan,
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

/// Which source elements the rows are.
#[derive(Clone, Copy, Debug)]
pub enum Selection<'a> {
    /// All, in order.
    All,
    /// Row i is source element `indices[i] - base`.
    Int32 {
        /// int32 indices, as bytes.
        indices: &'a [u8],
        /// 0, or 1 if the caller counts from 1.
        base: usize,
    },
    /// Row i is source element `indices[i] - base`.
    Int64 {
        /// int64 indices, as bytes.
        indices: &'a [u8],
        /// 0, or 1 if the caller counts from 1.
        base: usize,
    },
}

impl<'a> ColumnSlice<'a> {
    /// All of `source_len` valid elements.
    pub fn new(values: Values<'a>, source_len: usize) -> Self {
        ColumnSlice { values, validity: Validity::AllValid, selection: Selection::All, source_len }
    }

    /// All of some adjacent fixed-width elements.
    pub fn fixed(bytes: &'a [u8], width: usize) -> Self {
        ColumnSlice::new(Values::Fixed { bytes, stride: width }, bytes.len() / width.max(1))
    }

    /// The same with nulls.
    pub fn with_validity(self, validity: Validity<'a>) -> Self {
        ColumnSlice { validity, ..self }
    }

    /// The same through a selection.
    pub fn with_selection(self, selection: Selection<'a>) -> Self {
        ColumnSlice { selection, ..self }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        match self.selection {
            Selection::All => self.source_len,
            Selection::Int32 { indices, .. } => indices.len() / 4,
            Selection::Int64 { indices, .. } => indices.len() / 8,
        }
    }
}

impl Values<'_> {
    /// The bytes of element `i` of a layout of variable length, padding removed. Checked before.
    #[inline]
    pub(super) fn text(&self, i: usize) -> &[u8] {
        match *self {
            Values::Offsets { offsets, width, bytes } => {
                &bytes[offset(offsets, width, i) as usize..offset(offsets, width, i + 1) as usize]
            }
            Values::Pointers(pointers) => pointers.get(i),
            Values::Views { views, buffers } => view(views, i).bytes(buffers),
            Values::PaddedText { bytes, stride, width } => {
                let padded = &bytes[i * stride..][..width];
                let end = padded.iter().rposition(|&b| b != b' ' && b != 0).map_or(0, |last| last + 1);
                &padded[..end]
            }
            Values::Dictionary { indices, width, values } => {
                values.values.text(dictionary_index(indices, width, i) as usize)
            }
            _ => &[],
        }
    }

    /// The bytes of valid element `i`, found through the dictionary if there is one.
    #[inline]
    pub(super) fn element(&self, i: usize, width: usize) -> u64 {
        match *self {
            Values::Dictionary { indices, width: index_width, values } => {
                values.values.raw(dictionary_index(indices, index_width, i) as usize, width)
            }
            _ => self.raw(i, width),
        }
    }

    /// The bytes that a sentinel is compared with: element `i`'s own, or its dictionary index.
    #[inline]
    pub(super) fn raw(&self, i: usize, width: usize) -> u64 {
        let (bytes, stride, width) = match *self {
            Values::Fixed { bytes, stride } => (bytes, stride, width),
            Values::RataDie { bytes, stride } => (bytes, stride, 8),
            Values::Dictionary { indices, width, .. } => (indices, width, width),
            _ => return 0,
        };
        let mut le = [0; 8];
        le[..width].copy_from_slice(&bytes[i * stride..][..width]);
        u64::from_le_bytes(le)
    }
}

/// Offset `i`; negative only before the checks.
#[inline]
pub(super) fn offset(offsets: &[u8], width: usize, i: usize) -> i64 {
    match width {
        4 => i64::from(i32::from_le_bytes(offsets.as_chunks::<4>().0[i])),
        _ => i64::from_le_bytes(offsets.as_chunks::<8>().0[i]),
    }
}

/// Dictionary index `i`; negative only before the checks.
#[inline]
pub(super) fn dictionary_index(indices: &[u8], width: usize, i: usize) -> i64 {
    match width {
        1 => i64::from(indices[i] as i8),
        2 => i64::from(i16::from_le_bytes(indices.as_chunks::<2>().0[i])),
        4 => i64::from(i32::from_le_bytes(indices.as_chunks::<4>().0[i])),
        _ => i64::from_le_bytes(indices.as_chunks::<8>().0[i]),
    }
}

/// One view: its length, and either the bytes (up to 12) or where they are.
pub(super) struct View<'a>(&'a [u8; 16]);

/// View `i`.
#[inline]
pub(super) fn view(views: &[u8], i: usize) -> View<'_> {
    View(&views.as_chunks::<16>().0[i])
}

impl<'a> View<'a> {
    fn word(&self, i: usize) -> i32 {
        i32::from_le_bytes(self.0.as_chunks::<4>().0[i])
    }

    /// Length, buffer and offset, as the caller wrote them; buffer and offset mean nothing up to 12 bytes.
    pub fn parts(&self) -> (i32, i32, i32) {
        (self.word(0), self.word(2), self.word(3))
    }

    fn bytes(self, buffers: PointerArray<'a>) -> &'a [u8] {
        match self.parts() {
            (len @ 0..=12, _, _) => &self.0[4..4 + len as usize],
            (len, buffer, offset) => &buffers.get(buffer as usize)[offset as usize..][..len as usize],
        }
    }
}
