//! Arrow schemas: every pointer and count is looked at before arrow-schema reads the types.

use std::ffi::{CStr, c_char};
use std::sync::Arc;

use arrow_schema::ffi::FFI_ArrowSchema;
use arrow_schema::{DataType, Field, FieldRef, Fields, Schema};

use super::c_data::{ArrowSchema, part, pointers};
use crate::error::{Error, ErrorClass, Result};

/// Deeper nesting is a cycle, or would end the stack.
const MAX_DEPTH: usize = 64;

/// As many as a schema can have fields.
const MAX_CHILDREN: i64 = 1 << 16;

/// Reads a schema of a record batch: a struct type, whose children are the columns.
pub fn read(schema: &ArrowSchema) -> Result<Schema> {
    check(schema, "schema", 0)?;
    // SAFETY: the same layout by the specification, and what it points to has been checked.
    let arrow = unsafe { &*std::ptr::from_ref(schema).cast::<FFI_ArrowSchema>() };
    let invalid = |e| Error::invalid(format!("schema: {e}"));
    match DataType::try_from(arrow).map_err(invalid)? {
        DataType::Struct(fields) if !fields.is_empty() => {
            let fields: Fields = fields.iter().map(required_keys).collect();
            Ok(Schema::new(fields).with_metadata(arrow.metadata().map_err(invalid)?))
        }
        DataType::Struct(_) => Err(Error::invalid("schema has no columns; give it one or more")),
        other => Err(Error::invalid(format!(
            "schema is of type {other}; pass that of a record batch, a struct whose children are the columns"
        ))),
    }
}

fn check(schema: &ArrowSchema, path: &str, depth: usize) -> Result<()> {
    if depth > MAX_DEPTH {
        return Err(Error::new(
            ErrorClass::Unsupported,
            format!("{path} is nested deeper than {MAX_DEPTH} levels; flatten it"),
        ));
    }
    let invalid = |what: String| Err(Error::invalid(format!("{path}{what}")));
    let format = match text(schema.format, &format!("{path}.format"))? {
        Some(format) => format,
        None => return invalid(".format is NULL; give Arrow's format string of the type".to_owned()),
    };
    text(schema.name, &format!("{path}.name"))?;
    let children = match format.as_bytes() {
        [b'+', b's', ..] => 0..=MAX_CHILDREN,
        [b'+', b'u', ..] => 0..=128,
        [b'+', b'r', ..] => 2..=2,
        [b'+', ..] => 1..=1,
        _ => 0..=0,
    };
    if !children.contains(&schema.n_children) {
        return invalid(format!(
            ".n_children is {}, but format \"{format}\" has {} to {}",
            schema.n_children,
            children.start(),
            children.end()
        ));
    }
    // SAFETY: what the header asks of the caller, here and below.
    let children =
        unsafe { pointers(schema.children, schema.n_children as usize, &format!("{path}.children"))? };
    for (i, &child) in children.iter().enumerate() {
        let path = format!("{path}.children[{i}]");
        // SAFETY: as above.
        check(unsafe { part(child, &path) }?, &path, depth + 1)?;
    }
    if !schema.dictionary.is_null() {
        let path = format!("{path}.dictionary");
        // SAFETY: as above.
        check(unsafe { part(schema.dictionary, &path) }?, &path, depth + 1)?;
    }
    Ok(())
}

/// A string, or nothing where it is NULL.
fn text<'a>(pointer: *const c_char, what: &str) -> Result<Option<&'a str>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: the specification wants it NUL-terminated.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_str().map(Some).map_err(|e| {
        Error::new(
            ErrorClass::BadUtf8,
            format!(
                "{what} \"{}\" is not UTF-8 from byte {}",
                text.to_bytes().escape_ascii(),
                e.valid_up_to()
            ),
        )
    })
}

/// The field with the keys and entries of its maps required, as they are by definition: not every
/// producer says so.
fn required_keys(field: &FieldRef) -> FieldRef {
    let data_type = match field.data_type() {
        DataType::List(item) => DataType::List(required_keys(item)),
        DataType::LargeList(item) => DataType::LargeList(required_keys(item)),
        DataType::FixedSizeList(item, size) => DataType::FixedSizeList(required_keys(item), *size),
        DataType::ListView(item) => DataType::ListView(required_keys(item)),
        DataType::LargeListView(item) => DataType::LargeListView(required_keys(item)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(required_keys).collect()),
        DataType::Map(entries, sorted) => {
            let entries = required_keys(entries).as_ref().clone().with_nullable(false);
            let data_type = match entries.data_type() {
                DataType::Struct(fields) if fields.len() == 2 => {
                    let key: Field = fields[0].as_ref().clone().with_nullable(false);
                    DataType::Struct(vec![Arc::new(key), fields[1].clone()].into())
                }
                other => other.clone(),
            };
            DataType::Map(Arc::new(entries.with_data_type(data_type)), *sorted)
        }
        _ => return field.clone(),
    };
    Arc::new(field.as_ref().clone().with_data_type(data_type))
}
