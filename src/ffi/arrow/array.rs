//! Arrow arrays: buffers stay where they are, and are believed only as far as they can be checked.
//! What cannot be is their size: that they are as long as the length and the offsets say.

use std::ops::RangeInclusive;
use std::ptr::NonNull;
use std::sync::Arc;

use arrow_array::builder::StringViewBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{
    Array, ArrayRef, GenericBinaryArray, GenericStringArray, OffsetSizeTrait, RecordBatch, make_array,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer};
use arrow_data::{ArrayData, BufferSpec, layout};
use arrow_schema::{ArrowError, DataType, Field, Schema};

use super::c_data::{ArrowArray, part, pointers};
use crate::error::{Error, ErrorClass, Result};

/// More elements than memory can hold; products with it and with an element's width are still checked.
const MAX_ELEMENTS: i64 = 1 << 40;

/// Reads a record batch. Its types have been found to be those of a schema.
pub fn read(array: ArrowArray, schema: &Schema) -> Result<RecordBatch> {
    let owner = Arc::new(array);
    let import = Import { owner: owner.clone() };
    // Nulls are judged by the writer's schema, whatever this one says of them.
    let fields = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<Field>>()));
    let data_type = DataType::Struct(schema.fields().clone());
    let batch = make_array(import.read(&owner, &data_type, None, "array")?);
    if batch.null_count() > 0 {
        return Err(Error::new(
            ErrorClass::SchemaMismatch,
            format!("array has {} null rows; a record batch has none, its columns have", batch.null_count()),
        ));
    }
    Ok(RecordBatch::from(batch.as_struct()))
}

/// Rows of an array that a parent uses.
#[derive(Clone, Copy)]
struct Rows {
    start: usize,
    len: usize,
}

struct Import {
    /// Keeps the producer's memory alive while a buffer of it does.
    owner: Arc<ArrowArray>,
}

impl Import {
    /// Reads `rows` of an array, or all of it, and checks every value.
    fn read(
        &self,
        array: &ArrowArray,
        data_type: &DataType,
        rows: Option<Rows>,
        path: &str,
    ) -> Result<ArrayData> {
        let whole = Rows {
            start: count(array.offset, 0..=MAX_ELEMENTS, &format!("{path}.offset"))?,
            len: count(array.length, 0..=MAX_ELEMENTS - array.offset, &format!("{path}.length"))?,
        };
        let rows = match rows {
            Some(Rows { start, len }) if start + len > whole.len => {
                return Err(Error::invalid(format!(
                    "{path}.length is {}, but its parent needs {}",
                    whole.len,
                    start + len
                )));
            }
            Some(Rows { start, len }) => Rows { start: whole.start + start, len },
            None => whole,
        };
        let layout = layout(data_type);
        let masked = usize::from(layout.can_contain_null_mask);
        let buffers = self.buffers(array, data_type, masked + layout.buffers.len(), layout.variadic, path)?;
        let nulls = match masked {
            1 => self.nulls(array, buffers[0], whole, rows, path)?,
            _ => None,
        };
        let end = rows.start + rows.len;
        let mut data = ArrayData::builder(data_type.clone()).len(rows.len).nulls(nulls);
        let children = Children::new(array, data_type, path)?;
        match data_type {
            DataType::List(item) => {
                let (offsets, used) = self.offsets::<i32>(buffers[1], rows, path)?;
                let values = children.read(self, 0, item.data_type(), used)?;
                data = data.add_buffer(offsets).add_child_data(values);
            }
            DataType::LargeList(item) => {
                let (offsets, used) = self.offsets::<i64>(buffers[1], rows, path)?;
                let values = children.read(self, 0, item.data_type(), used)?;
                data = data.add_buffer(offsets).add_child_data(values);
            }
            DataType::Map(entries, _) => {
                let (offsets, used) = self.offsets::<i32>(buffers[1], rows, path)?;
                let values = children.read(self, 0, entries.data_type(), used)?;
                data = data.add_buffer(offsets).add_child_data(values);
            }
            DataType::FixedSizeList(item, size) => {
                let product =
                    |n: usize| n.checked_mul(*size as usize).filter(|&n| n <= MAX_ELEMENTS as usize);
                let (Some(start), Some(len), Some(_)) =
                    (product(rows.start), product(rows.len), product(end))
                else {
                    return Err(Error::invalid(format!(
                        "{path}: {end} lists of {size} are more than memory holds"
                    )));
                };
                let values = children.read(self, 0, item.data_type(), Some(Rows { start, len }))?;
                data = data.add_child_data(values);
            }
            DataType::Struct(fields) => {
                for (i, field) in fields.iter().enumerate() {
                    data = data.add_child_data(children.read(self, i, field.data_type(), Some(rows))?);
                }
            }
            _ => {
                data = data.offset(rows.start);
                for (i, spec) in layout.buffers.iter().enumerate() {
                    let pointer = buffers[masked + i];
                    let bytes = match spec {
                        BufferSpec::FixedWidth { byte_width, .. } => {
                            let offsets = layout.buffers.get(1) == Some(&BufferSpec::VariableWidth);
                            (end + usize::from(offsets)).checked_mul(*byte_width)
                        }
                        BufferSpec::VariableWidth => match data_type {
                            DataType::Utf8 | DataType::Binary => offset::<i32>(buffers[1], end, path)?,
                            _ => offset::<i64>(buffers[1], end, path)?,
                        }
                        .into(),
                        BufferSpec::BitMap => Some(end.div_ceil(8)),
                        BufferSpec::AlwaysNull => Some(0),
                    };
                    // An empty array's buffers, its one offset included, may be left out.
                    let bytes = if end == 0 { Some(0) } else { bytes };
                    data = data.add_buffer(self.buffer(pointer, bytes, path)?);
                }
                if layout.variadic {
                    data = data.add_buffers(self.variadic(&buffers[masked + 1..], path)?);
                }
                match data_type {
                    DataType::Dictionary(_, values) => {
                        let path = format!("{path}.dictionary");
                        // SAFETY: what the header asks of the caller.
                        let dictionary = unsafe { part(array.dictionary, &path) }?;
                        data = data.add_child_data(self.read(dictionary, values, None, &path)?);
                    }
                    DataType::ListView(item) | DataType::LargeListView(item) => {
                        data = data.add_child_data(children.read(self, 0, item.data_type(), None)?);
                    }
                    _ => {}
                }
            }
        }
        // SAFETY: `checked` validates all that arrow-rs relies on before the array is used.
        let data = unsafe { data.align_buffers(true).skip_validation(true) };
        checked(data.build().map_err(|e| invalid(path, &e))?, path)
    }

    /// The array's buffer pointers, `expected` of them, or more for a type with any number of buffers.
    fn buffers<'a>(
        &self,
        array: &'a ArrowArray,
        data_type: &DataType,
        expected: usize,
        variadic: bool,
        path: &str,
    ) -> Result<&'a [*const u8]> {
        let what = format!("{path}.n_buffers");
        let n = match variadic {
            // At least the one that holds the sizes of the others.
            true => count(array.n_buffers, expected as i64 + 1..=MAX_ELEMENTS, &what)?,
            // Nothing of a null array is read.
            false if *data_type == DataType::Null => 0,
            false => count(array.n_buffers, expected as i64..=expected as i64, &what)?,
        };
        // SAFETY: what the header asks of the caller.
        unsafe { pointers(array.buffers.cast::<*const u8>(), n, &format!("{path}.buffers")) }
    }

    fn buffer(&self, pointer: *const u8, bytes: Option<usize>, path: &str) -> Result<Buffer> {
        let Some(bytes) = bytes.filter(|&bytes| bytes <= isize::MAX as usize) else {
            return Err(Error::invalid(format!("{path}: a buffer of more bytes than memory can hold")));
        };
        match NonNull::new(pointer.cast_mut()) {
            _ if bytes == 0 => Ok(Buffer::default()),
            None => Err(Error::invalid(format!("{path}: a buffer is NULL that must have {bytes} bytes"))),
            Some(pointer) => {
                // SAFETY: what the header asks of the caller; the owner outlives the buffer.
                let buffer = unsafe { Buffer::from_custom_allocation(pointer, bytes, self.owner.clone()) };
                Ok(buffer)
            }
        }
    }

    fn nulls(
        &self,
        array: &ArrowArray,
        bitmap: *const u8,
        whole: Rows,
        rows: Rows,
        path: &str,
    ) -> Result<Option<NullBuffer>> {
        let nulls = |rows: Rows| -> Result<Option<NullBuffer>> {
            if bitmap.is_null() {
                return Ok(None);
            }
            let bits = self.buffer(bitmap, Some((rows.start + rows.len).div_ceil(8)), path)?;
            Ok(Some(NullBuffer::new(BooleanBuffer::new(bits, rows.start, rows.len))))
        };
        let said = array.null_count;
        if said != -1 {
            let found = nulls(whole)?.map_or(0, |nulls| nulls.null_count());
            if usize::try_from(said) != Ok(found) {
                return Err(Error::invalid(format!(
                    "{path}.null_count is {said}, but its validity bitmap has {found} nulls; -1 means not counted"
                )));
            }
        }
        nulls(rows)
    }

    /// The offsets of a list's rows, counted from the first, and the values that they span.
    fn offsets<O: OffsetSizeTrait>(
        &self,
        pointer: *const u8,
        rows: Rows,
        path: &str,
    ) -> Result<(Buffer, Option<Rows>)> {
        if rows.len == 0 {
            return Ok((Buffer::from_slice_ref([O::zero()]), Some(Rows { start: 0, len: 0 })));
        }
        let first = offset::<O>(pointer, rows.start, path)?;
        let last = offset::<O>(pointer, rows.start + rows.len, path)?;
        if first > last {
            return Err(Error::invalid(format!("{path}: offsets fall from {first} to {last}")));
        }
        let width = size_of::<O>();
        // SAFETY: what the header asks of the caller: a buffer of offsets has one more than the length.
        let pointer = unsafe { pointer.add(rows.start * width) };
        let offsets = self.buffer(pointer, Some((rows.len + 1) * width), path)?;
        let offsets = match first {
            0 => offsets,
            _ => {
                let first = O::usize_as(first);
                let offset = |i: usize| read_offset::<O>(offsets.as_ptr(), i);
                // One that lies before the first becomes negative, and is found so.
                (0..=rows.len).map(|i| offset(i) - first).collect::<Vec<O>>().into()
            }
        };
        Ok((offsets, Some(Rows { start: first, len: last - first })))
    }

    /// The data buffers of a view type, whose sizes lie in the last.
    fn variadic(&self, buffers: &[*const u8], path: &str) -> Result<Vec<Buffer>> {
        let Some((sizes, buffers)) = buffers.split_last() else { return Ok(Vec::new()) };
        if sizes.is_null() && !buffers.is_empty() {
            return Err(Error::invalid(format!("{path}: the buffer of the data buffers' sizes is NULL")));
        }
        let size = |i: usize| {
            let size = read_offset::<i64>(*sizes, i);
            count(size, 0..=i64::MAX, &format!("{path}: the size of data buffer {i}"))
        };
        buffers.iter().enumerate().map(|(i, &buffer)| self.buffer(buffer, Some(size(i)?), path)).collect()
    }
}

/// The children of an array; there are as many as the type has.
struct Children<'a> {
    children: &'a [*mut ArrowArray],
    path: &'a str,
}

impl<'a> Children<'a> {
    fn new(array: &'a ArrowArray, data_type: &DataType, path: &'a str) -> Result<Self> {
        let expected = match data_type {
            DataType::Struct(fields) => fields.len(),
            other if other.is_nested() && !matches!(other, DataType::Dictionary(..)) => 1,
            _ => 0,
        } as i64;
        let n = count(array.n_children, expected..=expected, &format!("{path}.n_children"))?;
        // SAFETY: what the header asks of the caller.
        let children = unsafe { pointers(array.children, n, &format!("{path}.children")) }?;
        Ok(Children { children, path })
    }

    fn read(&self, import: &Import, i: usize, data_type: &DataType, rows: Option<Rows>) -> Result<ArrayData> {
        let path = format!("{}.children[{i}]", self.path);
        // SAFETY: what the header asks of the caller.
        import.read(unsafe { part(self.children[i], &path) }?, data_type, rows, &path)
    }
}

fn count(value: i64, range: RangeInclusive<i64>, what: &str) -> Result<usize> {
    if range.contains(&value) {
        return Ok(value as usize);
    }
    let (least, most) = range.into_inner();
    let need = if least == most { least.to_string() } else { format!("{least} to {most}") };
    Err(Error::invalid(format!("{what} is {value}; it must be {need} for this type")))
}

/// Offset `i`, which must not be negative.
fn offset<O: OffsetSizeTrait>(offsets: *const u8, i: usize, path: &str) -> Result<usize> {
    if i == 0 && offsets.is_null() {
        return Ok(0);
    }
    if offsets.is_null() {
        return Err(Error::invalid(format!("{path}: the buffer of offsets is NULL, but {i} + 1 are needed")));
    }
    let offset = read_offset::<O>(offsets, i);
    offset.to_usize().ok_or_else(|| Error::invalid(format!("{path}: offset {i} is {offset:?}, less than 0")))
}

/// Element `i` of a buffer, of any alignment.
fn read_offset<T: Copy>(from: *const u8, i: usize) -> T {
    // SAFETY: callers have checked for NULL, and the header asks for as many elements as the length says.
    unsafe { from.cast::<T>().add(i).read_unaligned() }
}

#[track_caller]
fn invalid(path: &str, error: &ArrowError) -> Error {
    Error::invalid(format!("{path}: {error}"))
}

/// Checks what the array says of itself, its children having been checked: bounds, offsets, keys, UTF-8.
/// What lies under a null may be anything, and is replaced where arrow-rs would mind.
fn checked(data: ArrayData, path: &str) -> Result<ArrayData> {
    data.validate().map_err(|e| invalid(path, &e))?;
    let Err(error) = data.validate_values() else { return Ok(data) };
    let bytes = match data.data_type() {
        DataType::Utf8 | DataType::Binary => DataType::Binary,
        DataType::LargeUtf8 | DataType::LargeBinary => DataType::LargeBinary,
        DataType::Utf8View | DataType::BinaryView => DataType::BinaryView,
        _ => return Err(invalid(path, &error)),
    };
    let data_type = data.data_type().clone();
    let data = match bytes {
        DataType::BinaryView => without_views_of_nulls(data)?,
        _ => data,
    };
    // From here on the bytes are in bounds, and only text can be wrong.
    let data = data.into_builder().data_type(bytes).build().map_err(|e| invalid(path, &e))?;
    data.validate_values().map_err(|e| invalid(path, &e))?;
    let array = make_array(data);
    let text: ArrayRef = match data_type {
        DataType::Utf8 => Arc::new(texts(array.as_binary::<i32>(), path)?),
        DataType::LargeUtf8 => Arc::new(texts(array.as_binary::<i64>(), path)?),
        DataType::Utf8View => {
            let mut builder = StringViewBuilder::with_capacity(array.len());
            for (row, bytes) in array.as_binary_view().iter().enumerate() {
                builder.append_option(bytes.map(|bytes| text(bytes, row, path)).transpose()?);
            }
            Arc::new(builder.finish())
        }
        _ => array,
    };
    Ok(text.to_data())
}

/// A copy as text.
fn texts<O: OffsetSizeTrait>(bytes: &GenericBinaryArray<O>, path: &str) -> Result<GenericStringArray<O>> {
    let texts = bytes.iter().enumerate();
    texts.map(|(row, bytes)| bytes.map(|bytes| text(bytes, row, path)).transpose()).collect()
}

fn text<'a>(bytes: &'a [u8], row: usize, path: &str) -> Result<&'a str> {
    std::str::from_utf8(bytes).map_err(|_| {
        Error::new(
            ErrorClass::BadUtf8,
            format!("{path}: element {row} is not valid UTF-8; repair the text or make the column binary"),
        )
    })
}

/// A copy of the views in which those of nulls are empty.
fn without_views_of_nulls(data: ArrayData) -> Result<ArrayData> {
    let views = data.buffers()[0].typed_data::<u128>();
    let views = &views[data.offset()..][..data.len()];
    let views = views.iter().enumerate().map(|(i, &view)| if data.is_valid(i) { view } else { 0 });
    let mut buffers = vec![Buffer::from(views.collect::<Vec<u128>>())];
    buffers.extend_from_slice(&data.buffers()[1..]);
    // SAFETY: the caller validates the result.
    let data = unsafe { data.into_builder().offset(0).buffers(buffers).skip_validation(true) };
    data.build().map_err(|e| Error::new(ErrorClass::Internal, format!("assembling an array: {e}")))
}
