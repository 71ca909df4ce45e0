//! Schemas in Parquet's own terms: a message type as text, which has physical types and nesting that
//! Arrow's fields have no words for.

use std::collections::HashSet;
use std::sync::Arc;

use parquet::basic::Type as PhysicalType;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::{Type, TypePtr};

use crate::error::{Error, Result};

/// Groups in groups. The parser is recursive, so text from outside must not choose its depth.
const MAX_DEPTH: usize = 64;

/// Parses a message type, and checks what the parser lets pass.
pub(super) fn parse(text: &str) -> Result<TypePtr> {
    check_braces(text)?;
    let message = parse_message_type(text).map_err(|e| {
        let said = e.to_string();
        let said = said.strip_prefix("Parquet error: ").unwrap_or(&said);
        Error::invalid(format!("message: {said}; write \"message name {{ required int64 a; }}\""))
    })?;
    check_group(&message, "the message")?;
    Ok(Arc::new(message))
}

fn check_braces(text: &str) -> Result<()> {
    let (mut depth, mut closed) = (0usize, false);
    for c in text.trim_end().chars() {
        if closed {
            return Err(Error::invalid("message: there is text after its closing brace; remove it"));
        }
        match c {
            '{' if depth == MAX_DEPTH => {
                return Err(Error::invalid(format!("message: more than {MAX_DEPTH} groups in each other")));
            }
            '{' => depth += 1,
            '}' if depth == 0 => return Err(Error::invalid("message: a closing brace has no opening one")),
            '}' => depth -= 1,
            _ => continue,
        }
        closed = depth == 0;
    }
    match depth {
        0 => Ok(()),
        open => Err(Error::invalid(format!("message: {open} braces are not closed"))),
    }
}

fn check_group(group: &Type, what: &str) -> Result<()> {
    if group.get_fields().is_empty() {
        return Err(Error::invalid(format!("message: {what} has no fields; add one")));
    }
    let mut names = HashSet::new();
    for field in group.get_fields() {
        let name = field.name();
        if !names.insert(name) {
            return Err(Error::invalid(format!(
                "message: {what} repeats the name \"{name}\"; names in a group must be unique"
            )));
        }
        match &**field {
            Type::GroupType { .. } => check_group(field, &format!("group \"{name}\""))?,
            Type::PrimitiveType { physical_type, type_length, .. } => {
                if *physical_type == PhysicalType::FIXED_LEN_BYTE_ARRAY && *type_length < 1 {
                    return Err(Error::invalid(format!(
                        "message: \"{name}\" is fixed_len_byte_array({type_length}); give a length of 1 or more"
                    )));
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_parser_lets_pass_is_refused() {
        let says = |text: &str| parse(text).unwrap_err().to_string();
        assert!(says("message m { required int32 a; } }").contains("after its closing brace"));
        assert!(says("message m { required int32 a; } x").contains("after its closing brace"));
        assert!(says("message m } {").contains("no opening"));
        assert!(says("message m { required int32 a;").contains("1 braces are not closed"));
        assert!(says("message m {}").contains("has no fields"));
        assert!(says("message m { optional group g { } }").contains("group \"g\" has no fields"));
        assert!(says("message m { required int32 a; optional int64 a; }").contains("repeats the name \"a\""));
        assert!(says("message m { required fixed_len_byte_array(0) a; }").contains("length of 1"));
        assert!(says("message m { required int33 a; }").contains("int33") || says("x").contains("message"));
        let nested = |depth: usize| {
            let open = "required group g { ".repeat(depth - 1);
            format!("message m {{ {open} required int32 a; {}", "} ".repeat(depth))
        };
        assert!(parse(&nested(MAX_DEPTH)).is_ok());
        assert!(says(&nested(MAX_DEPTH + 1)).contains("64 groups"));
        assert!(says(&nested(4000)).contains("64 groups"));
        assert!(parse("message m { required int32 a; }\n").is_ok());
    }
}
