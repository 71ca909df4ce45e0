//! Column slices and row chunks, as C hands them over.

use std::ffi::c_void;

use super::input::{self, CStruct};
use crate::columns::{ColumnSlice, PointerArray, Selection, Validity, Values};
use crate::error::{Error, ErrorClass, Result};

/// Values of the field's C type (a bool is a byte), little-endian, of any alignment, `stride` bytes apart.
pub const PF_LAYOUT_VALUES: i32 = 0;
/// Variable length: `length + 1` int32 offsets into `values`, as in Arrow's Binary and Utf8.
pub const PF_LAYOUT_OFFSETS: i32 = 1;
/// Variable length: `length + 1` int64 offsets into `values`, as in Arrow's LargeBinary and LargeUtf8.
pub const PF_LAYOUT_OFFSETS64: i32 = 2;
/// Variable length: `values` is an array of `length` pointers, `offsets` one of as many int64 lengths.
pub const PF_LAYOUT_POINTERS: i32 = 3;
/// Variable length: `values` are Arrow's 16-byte views, into `buffers`.
pub const PF_LAYOUT_VIEWS: i32 = 4;
/// Bools as bits, least significant first; the first is bit `values_offset`.
pub const PF_LAYOUT_BITS: i32 = 5;
/// `values` are signed indices, `index_width` bytes each, into the elements of `dictionary`.
pub const PF_LAYOUT_DICTIONARY: i32 = 6;
/// Julia's `Date` and `DateTime`: int64 days (for a date) or milliseconds (for a timestamp) since
/// 0000-12-31, `stride` bytes apart. Converted to the field's epoch and unit.
pub const PF_LAYOUT_RATA_DIE: i32 = 7;

/// Bit `validity_offset + i`, least significant first, is 1 if source element i is valid.
pub const PF_VALIDITY_BITMAP: i32 = 0;
/// Byte i is 0 if source element i is null.
pub const PF_VALIDITY_BYTES: i32 = 1;
/// Source elements (of a dictionary: indices) whose bits equal the low bytes of `null_value` are null.
pub const PF_VALIDITY_SENTINEL: i32 = 2;
/// Floats that are NaN are null.
pub const PF_VALIDITY_NAN: i32 = 3;

/// No selection: the rows are the source elements.
pub const PF_SEL_NONE: i32 = 0;
/// `sel` are int32 indices.
pub const PF_SEL_INT32: i32 = 1;
/// `sel` are int64 indices.
pub const PF_SEL_INT64: i32 = 2;

/// One column's share of a row chunk: data, layout, validity, selection, length. Start it with `PF_VALUES`,
/// `PF_OFFSETS` or `PF_POINTERS` and set what else is needed; every other field is 0 or NULL.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pf_column_slice {
    /// The source elements, or what their offsets point into: see the layout.
    pub values: *const c_void,
    /// Bytes readable at `values`.
    pub values_size: u64,
    /// Source elements.
    pub length: u64,
    /// One of `PF_LAYOUT_*`.
    pub layout: i32,
    /// One of `PF_VALIDITY_*`.
    pub validity_kind: i32,
    /// Offsets or lengths: see the layout. Else NULL.
    pub offsets: *const c_void,
    /// Which source elements are null (not which rows: a selection is applied to it as well). NULL: none,
    /// for a bitmap or bytes.
    pub validity: *const u8,
    /// `PF_VALIDITY_BITMAP`: bits before the first element's.
    pub validity_offset: u64,
    /// `PF_VALIDITY_SENTINEL`: the value that stands for null.
    pub null_value: i64,
    /// Which source elements the rows are, of the type that `sel_kind` says: row i is source element
    /// `sel[i] - sel_base`.
    pub sel: *const c_void,
    /// Indices in `sel`: the rows.
    pub sel_length: u64,
    /// One of `PF_SEL_*`.
    pub sel_kind: i32,
    /// 0, or 1 if `sel` counts from 1.
    pub sel_base: u32,
    /// Bytes from one element to the next, as for a field inside an array of structs; 0: adjacent.
    pub stride: u64,
    /// `PF_LAYOUT_BITS`: bits before the first element.
    pub values_offset: u64,
    /// `PF_LAYOUT_DICTIONARY`: its values, a slice without validity, selection or dictionary of its own.
    pub dictionary: *const pf_column_slice,
    /// `PF_LAYOUT_VIEWS`: the data buffers.
    pub buffers: *const *const c_void,
    /// `PF_LAYOUT_VIEWS`: their sizes in bytes.
    pub buffer_sizes: *const i64,
    /// `PF_LAYOUT_VIEWS`: how many.
    pub buffer_count: u32,
    /// `PF_LAYOUT_DICTIONARY`: bytes of an index, 1, 2, 4 or 8.
    pub index_width: u32,
}

// SAFETY: integers and pointers, no padding.
unsafe impl CStruct for pf_column_slice {
    const NAME: &'static str = "pf_column_slice";
    const MIN_SIZE: usize = 136;
}

/// A row chunk: one slice a field, in the schema's order, all of one number of rows. See `PF_ROW_CHUNK`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pf_row_chunk {
    /// `sizeof(pf_row_chunk)`.
    pub struct_size: u32,
    /// `sizeof(pf_column_slice)`.
    pub slice_size: u32,
    /// The slices.
    pub slices: *const pf_column_slice,
    /// How many.
    pub slice_count: u64,
}

// SAFETY: integers and pointers, no padding.
unsafe impl CStruct for pf_row_chunk {
    const NAME: &'static str = "pf_row_chunk";
    const MIN_SIZE: usize = 24;
}

impl pf_row_chunk {
    pub(super) const ZERO: pf_row_chunk =
        pf_row_chunk { struct_size: 0, slice_size: 0, slices: std::ptr::null(), slice_count: 0 };
}

/// Memory for the slices of a chunk, kept between chunks so that none is allocated for each.
#[derive(Default)]
pub struct Scratch {
    dictionaries: Vec<ColumnSlice<'static>>,
    slices: Vec<ColumnSlice<'static>>,
}

impl Scratch {
    /// Reads a chunk whose fields have these widths (0: variable length), and runs `body` on it.
    ///
    /// # Safety
    /// The chunk's pointers are readable for what its fields say.
    pub unsafe fn with_slices<T>(
        &mut self,
        chunk: &pf_row_chunk,
        widths: &[usize],
        body: impl FnOnce(&[ColumnSlice<'_>]) -> Result<T>,
    ) -> Result<T> {
        let (size, count) = (u64::from(chunk.slice_size), chunk.slice_count);
        // SAFETY: the caller's promise, here and below.
        let given = unsafe { input::array(chunk.slices, count, size, pf_column_slice::new()) }?;
        if count != widths.len() as u64 {
            return Err(Error::new(
                ErrorClass::SchemaMismatch,
                format!("the chunk has {count} columns, the schema {}", widths.len()),
            ));
        }
        // Lengths first: what a wrong one says of its pointers is not to be believed.
        let mut rows = None;
        for (i, slice) in given.clone().enumerate() {
            let (slice, first) = (slice?, rows.unwrap_or_default());
            if rows.is_some() && slice.rows() != first {
                return Err(Error::new(
                    ErrorClass::SchemaMismatch,
                    format!(
                        "slices[{i}] has {} rows, slices[0] {first}; all columns of a chunk need the same length",
                        slice.rows()
                    ),
                ));
            }
            rows = Some(slice.rows());
        }
        let mut dictionaries: Vec<ColumnSlice<'_>> = std::mem::take(&mut self.dictionaries);
        for (i, (slice, &width)) in given.clone().zip(widths).enumerate() {
            // SAFETY: as above.
            if let Some(dictionary) = unsafe { slice?.read_dictionary(i, width, size) }? {
                dictionaries.push(dictionary);
            }
        }
        let mut unused = dictionaries.iter();
        let mut slices: Vec<ColumnSlice<'_>> = std::mem::take(&mut self.slices);
        for (i, (slice, &width)) in given.zip(widths).enumerate() {
            // SAFETY: as above.
            slices.push(unsafe { slice?.read(i, width, &mut unused) }?);
        }
        let result = body(&slices);
        self.slices = emptied(slices);
        self.dictionaries = emptied(dictionaries);
        result
    }
}

/// The memory of a list, without what it borrowed. Nothing is allocated: `collect` reuses the list.
fn emptied(mut slices: Vec<ColumnSlice<'_>>) -> Vec<ColumnSlice<'static>> {
    slices.clear();
    slices.into_iter().map(|_| ColumnSlice::fixed(&[], 1)).collect()
}

impl Default for pf_column_slice {
    fn default() -> Self {
        Self::new()
    }
}

impl pf_column_slice {
    /// An empty slice, for Rust callers to set what they need; the C macros do the same.
    pub const fn new() -> Self {
        pf_column_slice {
            values: std::ptr::null(),
            values_size: 0,
            length: 0,
            layout: 0,
            validity_kind: 0,
            offsets: std::ptr::null(),
            validity: std::ptr::null(),
            validity_offset: 0,
            null_value: 0,
            sel: std::ptr::null(),
            sel_length: 0,
            sel_kind: 0,
            sel_base: 0,
            stride: 0,
            values_offset: 0,
            dictionary: std::ptr::null(),
            buffers: std::ptr::null(),
            buffer_sizes: std::ptr::null(),
            buffer_count: 0,
            index_width: 0,
        }
    }

    fn rows(&self) -> u64 {
        if self.sel_kind == PF_SEL_NONE { self.length } else { self.sel_length }
    }

    /// # Safety
    /// The pointers are readable for what the fields say, for `'a`.
    unsafe fn read_dictionary<'a>(
        &self,
        i: usize,
        width: usize,
        size: u64,
    ) -> Result<Option<ColumnSlice<'a>>> {
        if self.layout != PF_LAYOUT_DICTIONARY {
            return match self.dictionary.is_null() {
                true => Ok(None),
                false => Err(Error::invalid(format!(
                    "slices[{i}].dictionary is not NULL, but the layout is {}; use PF_LAYOUT_DICTIONARY",
                    self.layout
                ))),
            };
        }
        if self.dictionary.is_null() {
            return Err(Error::invalid(format!(
                "slices[{i}].dictionary is NULL; pass the slice of its values"
            )));
        }
        // SAFETY: the caller's promise; the element size is that of the chunk's slices.
        let given = unsafe { input::array(self.dictionary, 1, size, Self::new()) }?.next();
        let Some(dictionary) = given.transpose()? else { return Ok(None) };
        if dictionary.layout == PF_LAYOUT_DICTIONARY || !dictionary.dictionary.is_null() {
            return Err(Error::invalid(format!(
                "slices[{i}].dictionary is a dictionary itself; pass plain values"
            )));
        }
        // SAFETY: as above.
        unsafe { dictionary.read(i, width, &mut [].iter()) }.map(Some)
    }

    /// # Safety
    /// The pointers are readable for what the fields say, for `'a`.
    unsafe fn read<'a>(
        &self,
        i: usize,
        width: usize,
        dictionaries: &mut std::slice::Iter<'a, ColumnSlice<'a>>,
    ) -> Result<ColumnSlice<'a>> {
        // 2^48 elements of anything are more than an address space holds.
        let counts = [
            ("length", self.length),
            ("sel_length", self.sel_length),
            ("validity_offset", self.validity_offset),
            ("values_offset", self.values_offset),
        ];
        for (field, value) in counts {
            if value > 1 << 48 {
                return Err(Error::invalid(format!(
                    "slices[{i}].{field} is {value}; give the number of elements"
                )));
            }
        }
        // SAFETY: the caller's promise.
        let (values, validity, selection) = unsafe {
            (self.read_values(i, width, dictionaries)?, self.read_validity(i)?, self.read_selection(i)?)
        };
        Ok(ColumnSlice { values, validity, selection, source_len: self.length as usize })
    }

    /// # Safety
    /// As [`Self::read`].
    unsafe fn read_values<'a>(
        &self,
        i: usize,
        width: usize,
        dictionaries: &mut std::slice::Iter<'a, ColumnSlice<'a>>,
    ) -> Result<Values<'a>> {
        if !(PF_LAYOUT_VALUES..=PF_LAYOUT_RATA_DIE).contains(&self.layout) {
            return Err(Error::invalid(format!(
                "slices[{i}].layout is {}, none of PF_LAYOUT_*",
                self.layout
            )));
        }
        let takes_offsets =
            matches!(self.layout, PF_LAYOUT_OFFSETS | PF_LAYOUT_OFFSETS64 | PF_LAYOUT_POINTERS);
        if takes_offsets == self.offsets.is_null() {
            return Err(Error::invalid(match takes_offsets {
                true => {
                    format!("slices[{i}].offsets is NULL, which layout {} cannot do without", self.layout)
                }
                false => {
                    format!("slices[{i}].offsets is not NULL, but layout {} has none; pass NULL", self.layout)
                }
            }));
        }
        // SAFETY: the caller's promise.
        let bytes =
            unsafe { input::memory(self.values.cast(), self.values_size, || format!("slices[{i}].values")) }?;
        // SAFETY: as above, for `length` (+ 1) offsets or lengths.
        let offsets = |count: u64, width: u64| unsafe {
            input::memory(self.offsets.cast(), count * width, || format!("slices[{i}].offsets"))
        };
        let stride = |default: usize| match self.stride {
            0 => default,
            n => usize::try_from(n).unwrap_or(usize::MAX),
        };
        Ok(match self.layout {
            PF_LAYOUT_VALUES => Values::Fixed { bytes, stride: stride(width) },
            PF_LAYOUT_RATA_DIE => Values::RataDie { bytes, stride: stride(8) },
            _ if self.stride != 0 => {
                return Err(Error::invalid(format!(
                    "slices[{i}].stride is {}, but layout {} has none; pass 0",
                    self.stride, self.layout
                )));
            }
            PF_LAYOUT_OFFSETS => Values::Offsets { offsets: offsets(self.length + 1, 4)?, width: 4, bytes },
            PF_LAYOUT_OFFSETS64 => Values::Offsets { offsets: offsets(self.length + 1, 8)?, width: 8, bytes },
            PF_LAYOUT_POINTERS => {
                let lengths = offsets(self.length, 8)?;
                // SAFETY: the caller says that each pointer is readable for its length.
                Values::Pointers(unsafe { PointerArray::new(bytes, lengths) })
            }
            PF_LAYOUT_VIEWS => {
                let count = u64::from(self.buffer_count) * 8;
                // SAFETY: the caller's promise.
                let buffers = unsafe {
                    PointerArray::new(
                        input::memory(self.buffers.cast(), count, || format!("slices[{i}].buffers"))?,
                        input::memory(self.buffer_sizes.cast(), count, || {
                            format!("slices[{i}].buffer_sizes")
                        })?,
                    )
                };
                Values::Views { views: bytes, buffers }
            }
            PF_LAYOUT_BITS => Values::Bits { bytes, offset: self.values_offset as usize },
            // The only layout that is left: a dictionary.
            _ => match (self.index_width, dictionaries.next()) {
                (1 | 2 | 4 | 8, Some(values)) => {
                    Values::Dictionary { indices: bytes, width: self.index_width as usize, values }
                }
                _ => {
                    return Err(Error::invalid(format!(
                        "slices[{i}].index_width is {}; give 1, 2, 4 or 8",
                        self.index_width
                    )));
                }
            },
        })
    }

    /// # Safety
    /// As [`Self::read`].
    unsafe fn read_validity<'a>(&self, i: usize) -> Result<Validity<'a>> {
        // SAFETY: the caller's promise.
        let memory =
            |len: u64| unsafe { input::memory(self.validity, len, || format!("slices[{i}].validity")) };
        match self.validity_kind {
            PF_VALIDITY_BITMAP | PF_VALIDITY_BYTES if self.validity.is_null() => Ok(Validity::AllValid),
            PF_VALIDITY_BITMAP => {
                let bits = memory((self.validity_offset + self.length).div_ceil(8))?;
                Ok(Validity::Bitmap { bits, offset: self.validity_offset as usize })
            }
            PF_VALIDITY_BYTES => Ok(Validity::Bytes(memory(self.length)?)),
            PF_VALIDITY_SENTINEL | PF_VALIDITY_NAN if !self.validity.is_null() => {
                Err(Error::invalid(format!(
                    "slices[{i}].validity is not NULL, but the kind is {}; use a bitmap or bytes",
                    self.validity_kind
                )))
            }
            PF_VALIDITY_SENTINEL => Ok(Validity::Sentinel(self.null_value as u64)),
            PF_VALIDITY_NAN => Ok(Validity::Nan),
            other => {
                Err(Error::invalid(format!("slices[{i}].validity_kind is {other}, none of PF_VALIDITY_*")))
            }
        }
    }

    /// # Safety
    /// As [`Self::read`].
    unsafe fn read_selection<'a>(&self, i: usize) -> Result<Selection<'a>> {
        if self.sel_base > 1 {
            return Err(Error::invalid(format!("slices[{i}].sel_base is {}; give 0 or 1", self.sel_base)));
        }
        // SAFETY: the caller's promise.
        let indices = |width: u64| unsafe {
            input::memory(self.sel.cast(), self.sel_length * width, || format!("slices[{i}].sel"))
        };
        let base = self.sel_base as usize;
        match self.sel_kind {
            PF_SEL_NONE if !self.sel.is_null() => Err(Error::invalid(format!(
                "slices[{i}].sel is not NULL, but sel_kind is PF_SEL_NONE; say PF_SEL_INT32 or PF_SEL_INT64"
            ))),
            PF_SEL_NONE => Ok(Selection::All),
            PF_SEL_INT32 => Ok(Selection::Int32 { indices: indices(4)?, base }),
            PF_SEL_INT64 => Ok(Selection::Int64 { indices: indices(8)?, base }),
            other => Err(Error::invalid(format!("slices[{i}].sel_kind is {other}, none of PF_SEL_*"))),
        }
    }
}
