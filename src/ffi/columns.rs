//! Column slices and row chunks, as C hands them over.

use std::ffi::c_void;
use std::fmt;

use arrow_schema::{DataType, Field};

use super::input::{self, CStruct};
use crate::columns::{ColumnSlice, PointerArray, Selection, Validity, Values, check_row_type};
use crate::error::{Error, ErrorClass, Result};
use crate::schema::fixed_width;

/// Values of the field's C type (a bool is a byte), little-endian, of any alignment, `stride` bytes apart.
pub const PF_LAYOUT_VALUES: i32 = 0;
/// Variable length: `length + 1` int32 offsets into `values`, as in Arrow's Binary and Utf8; of a list:
/// into the elements of the one slice in `children`, as in Arrow's List.
pub const PF_LAYOUT_OFFSETS: i32 = 1;
/// The same with int64 offsets, as in Arrow's LargeBinary, LargeUtf8 and LargeList.
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
/// Structs: `children` are slices of the fields, each of `length` elements; no `values`.
pub const PF_LAYOUT_STRUCT: i32 = 8;

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
    /// Lists: the slice of the elements. Structs: the slices of the fields. They have validity of their
    /// own (also under a null struct, where it does not matter), but no selection: that of the whole
    /// slice is theirs.
    pub children: *const pf_column_slice,
    /// How many.
    pub child_count: u64,
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

/// Memory for the slices of a chunk, kept between chunks so that none is allocated for each: those of the
/// columns, those inside them, and so on.
#[derive(Default)]
pub struct Scratch {
    levels: Vec<Vec<ColumnSlice<'static>>>,
}

impl Scratch {
    /// Reads a chunk for these fields, and runs `body` on it.
    ///
    /// # Safety
    /// The chunk's pointers are readable for what its fields say.
    pub unsafe fn with_slices<T>(
        &mut self,
        chunk: &pf_row_chunk,
        fields: &[Field],
        body: impl FnOnce(&[ColumnSlice<'_>]) -> Result<T>,
    ) -> Result<T> {
        let (size, count) = (u64::from(chunk.slice_size), chunk.slice_count);
        // SAFETY: the caller's promise, here and below.
        let given = unsafe { input::array(chunk.slices, count, size, pf_column_slice::new()) }?;
        if count != fields.len() as u64 {
            return Err(Error::new(
                ErrorClass::SchemaMismatch,
                format!("the chunk has {count} columns, the schema {}", fields.len()),
            ));
        }
        fields.iter().try_for_each(check_row_type)?;
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
        let visit = |level: usize, visit: &mut dyn FnMut(&Given<'_>) -> Result<()>| {
            given.clone().zip(fields).enumerate().try_for_each(|(i, (slice, field))| {
                let path = Path { outer: None, name: "slices", i };
                // SAFETY: as above.
                unsafe {
                    Given { slice: slice?, path, data_type: field.data_type() }.visit(level, size, visit)
                }
            })
        };
        let mut levels = 0;
        let mut more = true;
        while std::mem::take(&mut more) {
            levels += 1;
            visit(levels, &mut |_| {
                more = true;
                Ok(())
            })?;
        }
        if self.levels.len() < levels {
            self.levels.resize_with(levels, Vec::new);
        }
        // SAFETY: as above.
        unsafe { with_level(&visit, levels - 1, &[], &mut self.levels, body) }
    }
}

/// Reads the slices of a level, which have those of the level inside them in `inner`; then the level
/// around it, and runs `body` on the outermost.
///
/// # Safety
/// The pointers of all slices that `visit` shows are readable for what their fields say.
unsafe fn with_level<'a, T>(
    visit: &impl Fn(usize, &mut dyn FnMut(&Given<'_>) -> Result<()>) -> Result<()>,
    level: usize,
    mut inner: &'a [ColumnSlice<'a>],
    scratch: &mut [Vec<ColumnSlice<'static>>],
    body: impl FnOnce(&[ColumnSlice<'_>]) -> Result<T>,
) -> Result<T> {
    let mut slices: Vec<ColumnSlice<'_>> = std::mem::take(&mut scratch[level]);
    visit(level, &mut |given| {
        // SAFETY: the caller's promise.
        slices.push(unsafe { given.read(&mut inner) }?);
        Ok(())
    })?;
    let result = match level {
        0 => body(&slices),
        // SAFETY: as above.
        _ => unsafe { with_level(visit, level - 1, &slices, scratch, body) },
    };
    scratch[level] = emptied(slices);
    result
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
            children: std::ptr::null(),
            child_count: 0,
        }
    }

    fn rows(&self) -> u64 {
        if self.sel_kind == PF_SEL_NONE { self.length } else { self.sel_length }
    }
}

/// Where in a chunk a slice is, for messages: `slices[1]`, `slices[1].children[0]`, `slices[1].dictionary`.
#[derive(Clone, Copy)]
struct Path<'a> {
    outer: Option<&'a Path<'a>>,
    name: &'static str,
    i: usize,
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(outer) = self.outer {
            write!(f, "{outer}.")?;
        }
        match self.name {
            "dictionary" => f.write_str(self.name),
            name => write!(f, "{name}[{}]", self.i),
        }
    }
}

/// A slice of C's, where in the chunk it is and what it is for.
struct Given<'a> {
    slice: pf_column_slice,
    path: Path<'a>,
    data_type: &'a DataType,
}

impl Given<'_> {
    /// Calls `visit` with each slice so many levels inside this one.
    ///
    /// # Safety
    /// The slices' pointers are readable for what their fields say.
    unsafe fn visit(
        &self,
        level: usize,
        size: u64,
        visit: &mut dyn FnMut(&Given<'_>) -> Result<()>,
    ) -> Result<()> {
        if level == 0 {
            return visit(self);
        }
        let Some((inner, count)) = self.inside()? else { return Ok(()) };
        // SAFETY: the caller's promise, here and below; the element size is that of the chunk's slices.
        let inner = unsafe { input::array(inner, count, size, pf_column_slice::new()) }?;
        for (i, slice) in inner.enumerate() {
            let (slice, is_dictionary) = (slice?, self.slice.layout == PF_LAYOUT_DICTIONARY);
            let name = if is_dictionary { "dictionary" } else { "children" };
            let path = Path { outer: Some(&self.path), name, i };
            let data_type = match self.data_type {
                DataType::List(item) => item.data_type(),
                DataType::Struct(fields) => fields[i].data_type(),
                DataType::Dictionary(_, value) => value,
                other => other,
            };
            if is_dictionary && (slice.layout == PF_LAYOUT_DICTIONARY || !slice.dictionary.is_null()) {
                return Err(Error::invalid(format!("{path} is a dictionary itself; pass plain values")));
            }
            if self.slice.layout == PF_LAYOUT_STRUCT && slice.length != self.slice.length {
                return Err(Error::invalid(format!(
                    "{path}.length is {}, but {}.length {}; give as many elements as structs",
                    slice.length, self.path, self.slice.length
                )));
            }
            // SAFETY: as above.
            unsafe { Given { slice, path, data_type }.visit(level - 1, size, visit)? };
        }
        Ok(())
    }

    /// The slices inside this one and how many: its dictionary, or its children.
    fn inside(&self) -> Result<Option<(*const pf_column_slice, u64)>> {
        let (slice, path) = (&self.slice, self.path);
        let layout = slice.layout;
        if layout != PF_LAYOUT_DICTIONARY && !slice.dictionary.is_null() {
            return Err(Error::invalid(format!(
                "{path}.dictionary is not NULL, but the layout is {layout}; use PF_LAYOUT_DICTIONARY"
            )));
        }
        let children = match self.data_type {
            DataType::List(_) if matches!(layout, PF_LAYOUT_OFFSETS | PF_LAYOUT_OFFSETS64) => 1,
            DataType::Struct(fields) if layout == PF_LAYOUT_STRUCT => fields.len() as u64,
            DataType::List(_) | DataType::Struct(_) => {
                return Err(Error::new(
                    ErrorClass::TypeMismatch,
                    format!(
                        "{path}.layout is {layout}, which cannot carry {}; use PF_LAYOUT_OFFSETS for lists, PF_LAYOUT_STRUCT for structs",
                        self.data_type
                    ),
                ));
            }
            _ => 0,
        };
        if slice.child_count != children || slice.children.is_null() != (children == 0) {
            return Err(Error::new(
                ErrorClass::SchemaMismatch,
                format!(
                    "{path} has {} children at {:p}, but its type {} has {children}",
                    slice.child_count, slice.children, self.data_type
                ),
            ));
        }
        if children > 0 && (!slice.values.is_null() || slice.values_size != 0) {
            return Err(Error::invalid(format!(
                "{path}.values is {:p} of {} bytes, but lists and structs have none; pass NULL and 0",
                slice.values, slice.values_size
            )));
        }
        Ok(match layout {
            PF_LAYOUT_DICTIONARY if slice.dictionary.is_null() => {
                return Err(Error::invalid(format!(
                    "{path}.dictionary is NULL; pass the slice of its values"
                )));
            }
            PF_LAYOUT_DICTIONARY => Some((slice.dictionary, 1)),
            _ if children > 0 => Some((slice.children, children)),
            _ => None,
        })
    }

    /// The slice; those inside it are taken from `inner`.
    ///
    /// # Safety
    /// The pointers are readable for what the fields say, for `'a`.
    unsafe fn read<'a>(&self, inner: &mut &'a [ColumnSlice<'a>]) -> Result<ColumnSlice<'a>> {
        let (slice, i) = (&self.slice, self.path);
        let count = self.inside()?.map_or(0, |(_, count)| count as usize);
        let (inside, rest) = inner.split_at(count);
        *inner = rest;
        // 2^48 elements of anything are more than an address space holds.
        let counts = [
            ("length", slice.length),
            ("sel_length", slice.sel_length),
            ("validity_offset", slice.validity_offset),
            ("values_offset", slice.values_offset),
        ];
        for (field, value) in counts {
            if value > 1 << 48 {
                return Err(Error::invalid(format!("{i}.{field} is {value}; give the number of elements")));
            }
        }
        // SAFETY: the caller's promise.
        let (values, validity, selection) = unsafe {
            (slice.read_values(i, self.data_type, inside)?, slice.read_validity(i)?, slice.read_selection(i)?)
        };
        Ok(ColumnSlice { values, validity, selection, source_len: slice.length as usize })
    }
}

impl pf_column_slice {
    /// # Safety
    /// As [`Given::read`].
    unsafe fn read_values<'a>(
        &self,
        i: Path<'_>,
        data_type: &DataType,
        inside: &'a [ColumnSlice<'a>],
    ) -> Result<Values<'a>> {
        if !(PF_LAYOUT_VALUES..=PF_LAYOUT_STRUCT).contains(&self.layout) {
            return Err(Error::invalid(format!("{i}.layout is {}, none of PF_LAYOUT_*", self.layout)));
        }
        let takes_offsets =
            matches!(self.layout, PF_LAYOUT_OFFSETS | PF_LAYOUT_OFFSETS64 | PF_LAYOUT_POINTERS);
        if takes_offsets == self.offsets.is_null() {
            return Err(Error::invalid(match takes_offsets {
                true => {
                    format!("{i}.offsets is NULL, which layout {} cannot do without", self.layout)
                }
                false => {
                    format!("{i}.offsets is not NULL, but layout {} has none; pass NULL", self.layout)
                }
            }));
        }
        // SAFETY: the caller's promise.
        let bytes = unsafe { input::memory(self.values.cast(), self.values_size, || format!("{i}.values")) }?;
        // SAFETY: as above, for `length` (+ 1) offsets or lengths.
        let offsets = |count: u64, width: u64| unsafe {
            input::memory(self.offsets.cast(), count * width, || format!("{i}.offsets"))
        };
        let stride = |default: usize| match self.stride {
            0 => default,
            n => usize::try_from(n).unwrap_or(usize::MAX),
        };
        Ok(match self.layout {
            PF_LAYOUT_VALUES => Values::Fixed { bytes, stride: stride(fixed_width(data_type).unwrap_or(0)) },
            PF_LAYOUT_RATA_DIE => Values::RataDie { bytes, stride: stride(8) },
            _ if self.stride != 0 => {
                return Err(Error::invalid(format!(
                    "{i}.stride is {}, but layout {} has none; pass 0",
                    self.stride, self.layout
                )));
            }
            PF_LAYOUT_OFFSETS | PF_LAYOUT_OFFSETS64 => {
                let width = if self.layout == PF_LAYOUT_OFFSETS { 4 } else { 8 };
                let offsets = offsets(self.length + 1, width as u64)?;
                match inside {
                    [elements] => Values::Lists { offsets, width, elements },
                    _ => Values::Offsets { offsets, width, bytes },
                }
            }
            PF_LAYOUT_STRUCT => Values::Structs(inside),
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
                        input::memory(self.buffers.cast(), count, || format!("{i}.buffers"))?,
                        input::memory(self.buffer_sizes.cast(), count, || format!("{i}.buffer_sizes"))?,
                    )
                };
                Values::Views { views: bytes, buffers }
            }
            PF_LAYOUT_BITS => Values::Bits { bytes, offset: self.values_offset as usize },
            // The only layout that is left: a dictionary.
            _ => match (self.index_width, inside) {
                (1 | 2 | 4 | 8, [values]) => {
                    Values::Dictionary { indices: bytes, width: self.index_width as usize, values }
                }
                _ => {
                    return Err(Error::invalid(format!(
                        "{i}.index_width is {}; give 1, 2, 4 or 8",
                        self.index_width
                    )));
                }
            },
        })
    }

    /// # Safety
    /// As [`Given::read`].
    unsafe fn read_validity<'a>(&self, i: Path<'_>) -> Result<Validity<'a>> {
        // SAFETY: the caller's promise.
        let memory = |len: u64| unsafe { input::memory(self.validity, len, || format!("{i}.validity")) };
        match self.validity_kind {
            PF_VALIDITY_BITMAP | PF_VALIDITY_BYTES if self.validity.is_null() => Ok(Validity::AllValid),
            PF_VALIDITY_BITMAP => {
                let bits = memory((self.validity_offset + self.length).div_ceil(8))?;
                Ok(Validity::Bitmap { bits, offset: self.validity_offset as usize })
            }
            PF_VALIDITY_BYTES => Ok(Validity::Bytes(memory(self.length)?)),
            PF_VALIDITY_SENTINEL | PF_VALIDITY_NAN if !self.validity.is_null() => {
                Err(Error::invalid(format!(
                    "{i}.validity is not NULL, but the kind is {}; use a bitmap or bytes",
                    self.validity_kind
                )))
            }
            PF_VALIDITY_SENTINEL => Ok(Validity::Sentinel(self.null_value as u64)),
            PF_VALIDITY_NAN => Ok(Validity::Nan),
            other => Err(Error::invalid(format!("{i}.validity_kind is {other}, none of PF_VALIDITY_*"))),
        }
    }

    /// # Safety
    /// As [`Given::read`].
    unsafe fn read_selection<'a>(&self, i: Path<'_>) -> Result<Selection<'a>> {
        if self.sel_base > 1 {
            return Err(Error::invalid(format!("{i}.sel_base is {}; give 0 or 1", self.sel_base)));
        }
        // SAFETY: the caller's promise.
        let indices = |width: u64| unsafe {
            input::memory(self.sel.cast(), self.sel_length * width, || format!("{i}.sel"))
        };
        let base = self.sel_base as usize;
        match self.sel_kind {
            PF_SEL_NONE if !self.sel.is_null() => Err(Error::invalid(format!(
                "{i}.sel is not NULL, but sel_kind is PF_SEL_NONE; say PF_SEL_INT32 or PF_SEL_INT64"
            ))),
            PF_SEL_NONE => Ok(Selection::All),
            PF_SEL_INT32 => Ok(Selection::Int32 { indices: indices(4)?, base }),
            PF_SEL_INT64 => Ok(Selection::Int64 { indices: indices(8)?, base }),
            other => Err(Error::invalid(format!("{i}.sel_kind is {other}, none of PF_SEL_*"))),
        }
    }
}
