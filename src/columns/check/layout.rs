//! Layouts: whether one can carry the type, and whether the memory holds the elements that it says.

use arrow_schema::{DataType, Fields};

use super::super::convert::Conversion;
use super::super::dictionary::dictionary_bytes;
use super::super::rows::Nulls;
use super::super::slice::{ColumnSlice, Selection, Validity, Values};
use super::{Column, MAX_TEXT};
use crate::error::{Error, ErrorClass, Result};
use crate::schema::fixed_width;

impl Column<'_> {
    /// The layout can carry the type, and the memory holds the elements that it says.
    pub(super) fn check_layout(&self, data_type: &DataType, values: &Values<'_>) -> Result<()> {
        let n = self.slice.source_len;
        let width = fixed_width(data_type);
        let (value_type, is_kept) = match data_type {
            DataType::Dictionary(_, value_type) => (&**value_type, true),
            other => (other, false),
        };
        let is_text = matches!(data_type, DataType::Utf8 | DataType::Binary);
        match (*values, width) {
            (Values::Fixed { bytes, stride }, Some(width)) => {
                self.check_extent("values", bytes.len(), n, stride, width)
            }
            (Values::RataDie { bytes, stride }, Some(_))
                if Conversion::from_rata_die(data_type).is_some() =>
            {
                self.check_extent("values", bytes.len(), n, stride, 8)
            }
            (Values::Bits { bytes, offset }, Some(_)) if *data_type == DataType::Boolean => {
                match offset.checked_add(n).map(|bits| bits.div_ceil(8)) {
                    Some(need) if need <= bytes.len() => Ok(()),
                    _ => self.invalid(format_args!(
                        "{n} bits from bit {offset} do not fit the {} bytes given",
                        bytes.len()
                    )),
                }
            }
            (Values::Offsets { offsets, width, .. }, None) if is_text => self.check_offsets(offsets, width),
            (Values::Lists { offsets, width, elements }, _) if matches!(data_type, DataType::List(_)) => {
                self.check_offsets(offsets, width)?;
                self.check_is_plain("elements", elements)
            }
            (Values::Structs(slices), _) if let DataType::Struct(fields) = data_type => {
                self.check_structs(fields, slices)
            }
            (Values::Pointers(pointers), None) if is_text => match pointers.len() >= n {
                true => Ok(()),
                false => self.invalid(format_args!("{} pointers given for {n} elements", pointers.len())),
            },
            (Values::Views { views, .. }, None) if is_text => {
                self.check_extent("views", views.len(), n, 16, 16)
            }
            (Values::PaddedText { bytes, stride, width }, None) if is_text => {
                self.check_extent("text", bytes.len(), n, stride, width)
            }
            (Values::Dictionary { indices, width, values }, _) if !data_type.is_nested() || is_kept => {
                self.check_extent("indices", indices.len(), n, width, width)?;
                let nested = matches!(values.values, Values::Dictionary { .. } | Values::RataDie { .. });
                if nested || !matches!(values.validity, Validity::AllValid) {
                    return self.invalid("a dictionary's values are plain and all valid");
                }
                self.check_is_plain("values of a dictionary", values)?;
                let rows = 0..values.source_len;
                Column { path: self.path, data_type: value_type, slice: values, rows }.check_dictionary()?;
                match dictionary_bytes(value_type, values) {
                    bytes if is_kept && bytes > MAX_TEXT as usize => self.invalid(format_args!(
                        "the dictionary has {bytes} bytes; 2 GiB is the most that is stored"
                    )),
                    _ => Ok(()),
                }
            }
            (Values::Fixed { .. } | Values::Offsets { .. }, _) if is_kept => Err(Error::new(
                ErrorClass::TypeMismatch,
                format!(
                    "{}: the field keeps its dictionary, so only the layout dictionary can carry it",
                    self.path
                ),
            )),
            (values, _) => Err(Error::new(
                ErrorClass::TypeMismatch,
                format!("{}: the layout {} cannot carry type {data_type}", self.path, layout_name(&values)),
            )),
        }
    }

    /// There must be one offset more than elements.
    fn check_offsets(&self, offsets: &[u8], width: usize) -> Result<()> {
        let n = self.slice.source_len;
        match n.checked_add(1).and_then(|n| n.checked_mul(width)) {
            Some(need) if need <= offsets.len() => Ok(()),
            _ => self.invalid(format_args!(
                "{} bytes of offsets given, {n} rows need {n} + 1 offsets of {width} bytes",
                offsets.len()
            )),
        }
    }

    /// A slice inside another has no selection of its own.
    fn check_is_plain(&self, what: &str, slice: &ColumnSlice<'_>) -> Result<()> {
        match slice.selection {
            Selection::All => Ok(()),
            _ => self.invalid(format_args!("the {what} have a selection of their own; select whole rows")),
        }
    }

    /// One slice a field, each as long as the structs' own.
    fn check_structs(&self, fields: &Fields, slices: &[ColumnSlice<'_>]) -> Result<()> {
        if slices.len() != fields.len() {
            return self.invalid(format_args!(
                "{} slices given for the {} fields of the struct",
                slices.len(),
                fields.len()
            ));
        }
        for (field, slice) in fields.iter().zip(slices) {
            self.check_is_plain("fields of a struct", slice)?;
            if slice.source_len != self.slice.source_len {
                return self.invalid(format_args!(
                    "field \"{}\" has {} elements, the struct {}; give as many",
                    field.name(),
                    slice.source_len,
                    self.slice.source_len
                ));
            }
        }
        Ok(())
    }

    /// The values of a dictionary are checked as a column of their own.
    fn check_dictionary(&self) -> Result<()> {
        self.check_layout(self.data_type, &self.slice.values)?;
        let nulls = Nulls::new(self.slice, self.data_type, None);
        self.check_elements(&nulls)?;
        self.check_values(&nulls)
    }

    /// `len` elements of `width` bytes, `stride` apart, must lie inside `have` bytes.
    pub(super) fn check_extent(
        &self,
        what: &str,
        have: usize,
        len: usize,
        stride: usize,
        width: usize,
    ) -> Result<()> {
        if stride < width {
            return self
                .invalid(format_args!("the stride {stride} is less than the element's {width} bytes"));
        }
        let need = match len {
            0 => Some(0),
            n => (n - 1).checked_mul(stride).and_then(|b| b.checked_add(width)),
        };
        match need {
            Some(need) if need <= have => Ok(()),
            _ => self.invalid(format_args!(
                "{len} rows of {width} bytes do not fit the {have} bytes of {what} given"
            )),
        }
    }
}

fn layout_name(values: &Values<'_>) -> &'static str {
    match values {
        Values::Fixed { .. } => "plain values",
        Values::RataDie { .. } => "Rata Die",
        Values::Bits { .. } => "bits",
        Values::Offsets { .. } => "offsets",
        Values::Pointers(_) => "pointers",
        Values::Views { .. } => "views",
        Values::PaddedText { .. } => "padded text",
        Values::Dictionary { .. } => "dictionary",
        Values::Lists { .. } => "lists",
        Values::Structs(_) => "structs",
    }
}
