//! Random types, and columns of them in a caller's memory, of any layout, with what their rows are.

use std::sync::Arc;

use arrow_schema::{DataType, Field, TimeUnit};
use flow::columns::{ColumnSlice, PointerArray, Selection, Validity, Values};
use flow::schema::fixed_width;

use crate::{Model, Value};

/// xorshift64*: small, and the same everywhere.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() >> 33) as usize % n
    }

    fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.next() as u8).collect()
    }
}

fn types() -> Vec<DataType> {
    let utc: Option<Arc<str>> = Some("UTC".into());
    let mut types = vec![
        DataType::Boolean,
        DataType::Int8,
        DataType::Int16,
        DataType::Int32,
        DataType::Int64,
        DataType::UInt8,
        DataType::UInt16,
        DataType::UInt32,
        DataType::UInt64,
        DataType::Float16,
        DataType::Float32,
        DataType::Float64,
        DataType::Utf8,
        DataType::Binary,
        DataType::FixedSizeBinary(5),
        DataType::FixedSizeBinary(16),
        DataType::Date32,
        DataType::Time32(TimeUnit::Second),
        DataType::Time32(TimeUnit::Millisecond),
        DataType::Time64(TimeUnit::Microsecond),
        DataType::Time64(TimeUnit::Nanosecond),
        DataType::Decimal32(9, 2),
        DataType::Decimal64(18, 4),
        DataType::Decimal128(38, 10),
        DataType::Decimal256(76, 20),
    ];
    for unit in [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond] {
        types.extend([DataType::Timestamp(unit, utc.clone()), DataType::Duration(unit)]);
    }
    types
}

/// A type to test: a scalar, or lists, structs and dictionaries of some.
pub fn any_type(random: &mut Random, depth: usize) -> DataType {
    let scalars = types();
    let scalar = scalars[random.below(scalars.len())].clone();
    let field = |random: &mut Random, name: &str| {
        let nullable = random.below(2) == 0;
        Field::new(name, any_type(random, depth + 1), nullable)
    };
    match random.below(if depth < 3 { 8 } else { 5 }) {
        0 if scalar != DataType::Boolean => DataType::Dictionary(DataType::Int32.into(), scalar.into()),
        5 | 6 => DataType::List(field(random, "element").into()),
        7 => DataType::Struct((0..1 + random.below(3)).map(|i| field(random, &format!("f{i}"))).collect()),
        _ => scalar,
    }
}

/// A value of the type, as it is handed over.
fn value(random: &mut Random, data_type: &DataType) -> Vec<u8> {
    // Little-endian, sign-extended: a number that any width of integer and any conversion can hold.
    let small = |random: &mut Random, width: usize| {
        let number = random.below(2_000_000) as i64 - 1_000_000;
        let mut bytes = number.to_le_bytes().to_vec();
        bytes.resize(width.max(8), if number < 0 { 0xff } else { 0 });
        bytes.truncate(width);
        bytes
    };
    match data_type {
        DataType::Boolean => vec![random.below(2) as u8],
        DataType::Utf8 => {
            const WORDS: [&str; 6] =
                ["", "a", "libflow", "é", "日本語 текст", "a text that is longer than twelve bytes"];
            (0..random.below(3)).map(|_| WORDS[random.below(6)]).collect::<String>().into_bytes()
        }
        DataType::Binary => {
            let len = random.below(20);
            random.bytes(len)
        }
        DataType::FixedSizeBinary(width) => random.bytes(*width as usize),
        DataType::Float16 | DataType::Float32 | DataType::Float64 => {
            random.bytes(fixed_width(data_type).unwrap())
        }
        // Within a day: DuckDB and Polars have no other times.
        DataType::Time32(_) | DataType::Time64(_) => {
            random.below(86_400).to_le_bytes()[..fixed_width(data_type).unwrap()].to_vec()
        }
        other => small(random, fixed_width(other).unwrap()),
    }
}

/// What a value becomes in the file.
fn stored(data_type: &DataType, value: &[u8]) -> Vec<u8> {
    match data_type {
        DataType::Timestamp(TimeUnit::Second, _) => {
            (i64::from_le_bytes(value.try_into().unwrap()) * 1000).to_le_bytes().to_vec()
        }
        DataType::Time32(TimeUnit::Second) => {
            (i32::from_le_bytes(value.try_into().unwrap()) * 1000).to_le_bytes().to_vec()
        }
        _ => value.to_vec(),
    }
}

/// One column's share of a chunk: the source in the caller's memory, and what its rows are.
pub struct Source {
    layout: Layout,
    len: usize,
    bytes: Vec<u8>,
    offsets: Vec<u8>,
    /// What pointers and views lead to.
    texts: Vec<Vec<u8>>,
    buffer_pointers: Vec<u8>,
    buffer_sizes: Vec<u8>,
    gap: usize,
    start: usize,
    nulls: Vec<u8>,
    validity: Form,
    sel: Vec<u8>,
    sel_kind: (usize, usize),
    /// A dictionary's values, a list's elements, a struct's fields.
    inside: Vec<Source>,
    width: usize,
    pub rows: Model,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Layout {
    Fixed,
    Bits,
    Offsets(usize),
    Pointers,
    Views,
    Dictionary(usize),
    RataDie,
    Lists(usize),
    Structs,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    AllValid,
    Bitmap,
    Bytes,
}

/// A layout that can carry the type, dictionaries among them.
fn any_layout(random: &mut Random, data_type: &DataType) -> Layout {
    let choice = layouts(data_type);
    match random.below(4) {
        0 if !data_type.is_nested() => Layout::Dictionary([1, 2, 4, 8][random.below(4)]),
        _ => choice[random.below(choice.len())],
    }
}

fn layouts(data_type: &DataType) -> Vec<Layout> {
    match data_type {
        DataType::Boolean => vec![Layout::Fixed, Layout::Bits],
        DataType::Utf8 | DataType::Binary => {
            vec![Layout::Offsets(4), Layout::Offsets(8), Layout::Pointers, Layout::Views]
        }
        DataType::List(_) => vec![Layout::Lists(4), Layout::Lists(8)],
        DataType::Struct(_) => vec![Layout::Structs],
        DataType::Dictionary(..) => [1, 2, 4, 8].map(Layout::Dictionary).to_vec(),
        DataType::Date32 | DataType::Timestamp(TimeUnit::Millisecond, _) => {
            vec![Layout::Fixed, Layout::RataDie]
        }
        _ => vec![Layout::Fixed],
    }
}

impl Source {
    pub fn new(random: &mut Random, data_type: &DataType, nullable: bool, rows: usize) -> Source {
        let layout = any_layout(random, data_type);
        let sel_kind = [(0, 0), (0, 0), (4, 0), (4, 1), (8, 0), (8, 1)][random.below(6)];
        Source::with(random, data_type, layout, sel_kind, nullable, rows, &|_| true)
    }

    /// A slice inside another one. Elements that are not `live` are of no row: they may be garbage.
    fn inside(random: &mut Random, field: &Field, len: usize, live: &dyn Fn(usize) -> bool) -> Source {
        let layout = any_layout(random, field.data_type());
        Source::with(random, field.data_type(), layout, (0, 0), field.is_nullable(), len, live)
    }

    fn with(
        random: &mut Random,
        data_type: &DataType,
        layout: Layout,
        sel_kind: (usize, usize),
        nullable: bool,
        rows: usize,
        live: &dyn Fn(usize) -> bool,
    ) -> Source {
        let len = if sel_kind.0 == 0 { rows } else { 1 + random.below(2 * rows + 1) };
        let validity = if nullable {
            [Form::AllValid, Form::Bitmap, Form::Bytes][random.below(3)]
        } else {
            Form::AllValid
        };
        let mut source = Source {
            layout,
            len,
            bytes: Vec::new(),
            offsets: Vec::new(),
            texts: Vec::new(),
            buffer_pointers: Vec::new(),
            buffer_sizes: Vec::new(),
            gap: if matches!(layout, Layout::Fixed | Layout::RataDie) { random.below(3) } else { 0 },
            start: random.below(9),
            nulls: Vec::new(),
            validity,
            sel: Vec::new(),
            sel_kind,
            inside: Vec::new(),
            width: fixed_width(data_type).unwrap_or(0),
            rows: Vec::new(),
        };
        // Single nulls, runs of them that fill pages, or nothing else.
        let (run, one_in) = [(1, 4), (1, 4), (15, 2), (len, 1)][random.below(4)];
        let mut run_is_valid = false;
        let valid: Vec<bool> = (0..len)
            .map(|i| {
                if i % run == 0 {
                    run_is_valid = random.below(one_in) > 0;
                }
                validity == Form::AllValid || run_is_valid
            })
            .collect();
        source.nulls = match validity {
            Form::Bytes => valid.iter().map(|&v| if v { 1 + random.below(255) as u8 } else { 0 }).collect(),
            _ => pack(&valid, source.start),
        };
        let live: Vec<bool> = valid.iter().enumerate().map(|(i, &valid)| valid && live(i)).collect();
        let elements = source.lay_out(random, data_type, &live);
        let picked: Vec<usize> =
            (0..rows).map(|row| if sel_kind.0 == 0 { row } else { random.below(len) }).collect();
        for &i in &picked {
            let index = (i + sel_kind.1) as i64;
            source.sel.extend_from_slice(&index.to_le_bytes()[..sel_kind.0]);
            source.rows.push(if valid[i] { elements[i].clone() } else { Value::Null });
        }
        source
    }

    /// Writes the source elements in the layout's form; returns them. What is not valid is garbage.
    fn lay_out(&mut self, random: &mut Random, data_type: &DataType, valid: &[bool]) -> Vec<Value> {
        match self.layout {
            Layout::Dictionary(width) => self.lay_out_dictionary(random, data_type, valid, width),
            Layout::Lists(width) => self.lay_out_lists(random, data_type, valid, width),
            Layout::Structs => {
                let DataType::Struct(fields) = data_type else { unreachable!() };
                self.inside =
                    fields.iter().map(|f| Source::inside(random, f, self.len, &|i| valid[i])).collect();
                let value = |i: usize| {
                    let values = self.inside.iter().map(|field| field.rows[i].clone());
                    Value::Struct(fields.iter().map(|f| f.name().clone()).zip(values).collect())
                };
                (0..self.len).map(value).collect()
            }
            _ => {
                let elements = self.lay_out_scalars(random, data_type, valid);
                elements.iter().map(|element| Value::Bytes(stored(data_type, element))).collect()
            }
        }
    }

    fn lay_out_dictionary(
        &mut self,
        random: &mut Random,
        data_type: &DataType,
        valid: &[bool],
        width: usize,
    ) -> Vec<Value> {
        let value_type = if let DataType::Dictionary(_, value) = data_type { value } else { data_type };
        let count = 1 + random.below(10);
        let choice = layouts(value_type);
        let plain: Vec<_> = choice.into_iter().filter(|&l| l != Layout::RataDie).collect();
        let layout = plain[random.below(plain.len())];
        let distinct = Source::with(random, value_type, layout, (0, 0), false, count, &|_| true);
        let picked: Vec<usize> = valid.iter().map(|_| random.below(count)).collect();
        for (&index, &valid) in picked.iter().zip(valid) {
            let index = if valid { index as i64 } else { -7 };
            self.bytes.extend_from_slice(&index.to_le_bytes()[..width]);
        }
        let values = picked.iter().map(|&index| distinct.rows[index].clone()).collect();
        self.inside = vec![distinct];
        values
    }

    /// Lists lie one after another, but after a null anywhere.
    fn lay_out_lists(
        &mut self,
        random: &mut Random,
        data_type: &DataType,
        valid: &[bool],
        width: usize,
    ) -> Vec<Value> {
        let DataType::List(item) = data_type else { unreachable!() };
        let count = random.below(2 * self.len + 3);
        let mut ends = vec![random.below(count + 1)];
        for &valid in valid {
            let end = *ends.last().unwrap();
            ends.push(if valid { end + random.below(4).min(count - end) } else { random.below(count + 1) });
        }
        self.offsets = ends.iter().flat_map(|&end| (end as i64).to_le_bytes()[..width].to_vec()).collect();
        let lists =
            || ends.windows(2).zip(valid).map(|(ends, &valid)| if valid { ends[0]..ends[1] } else { 0..0 });
        let elements = Source::inside(random, item, count, &|i| lists().any(|list| list.contains(&i)));
        let values = lists().map(|list| Value::List(elements.rows[list].to_vec())).collect();
        self.inside = vec![elements];
        values
    }

    fn lay_out_scalars(&mut self, random: &mut Random, data_type: &DataType, valid: &[bool]) -> Vec<Vec<u8>> {
        let garbage = vec![0xff; self.width.max(3)];
        let elements: Vec<Vec<u8>> = valid.iter().map(|_| value(random, data_type)).collect();
        let shown = |i: usize| if valid[i] { elements[i].clone() } else { garbage.clone() };
        match self.layout {
            Layout::Fixed => {
                for i in 0..self.len {
                    self.bytes.extend_from_slice(&shown(i)[..self.width]);
                    self.bytes.resize(self.bytes.len() + self.gap, 0xee);
                }
            }
            Layout::Bits => {
                let bits: Vec<bool> = elements.iter().map(|element| element[0] == 1).collect();
                self.bytes = pack(&bits, self.start);
            }
            Layout::RataDie => {
                for (element, &valid) in elements.iter().zip(valid) {
                    let mut wide = [if element.last().unwrap() >> 7 == 1 { 0xff } else { 0 }; 8];
                    wide[..element.len()].copy_from_slice(element);
                    let epoch = if self.width == 4 { 719_163 } else { 719_163 * 86_400_000 };
                    let days = if valid { i64::from_le_bytes(wide) + epoch } else { i64::MIN };
                    self.bytes.extend_from_slice(&days.to_le_bytes());
                    self.bytes.resize(self.bytes.len() + self.gap, 0xee);
                }
            }
            Layout::Offsets(width) => {
                self.bytes = vec![b'x'; self.start];
                for i in 0..=self.len {
                    self.offsets.extend_from_slice(&(self.bytes.len() as i64).to_le_bytes()[..width]);
                    if i < self.len {
                        self.bytes.extend_from_slice(&shown(i));
                    }
                }
            }
            Layout::Pointers => {
                self.texts = elements.clone();
                for (i, text) in self.texts.iter().enumerate() {
                    let address = if valid[i] { text.as_ptr().expose_provenance() } else { i % 2 };
                    let len = if valid[i] { text.len() as i64 } else { i64::MIN };
                    self.bytes.extend_from_slice(&address.to_le_bytes());
                    self.offsets.extend_from_slice(&len.to_le_bytes());
                }
            }
            Layout::Views => {
                self.texts = vec![b"unused".to_vec(), elements.concat()];
                let mut at = 0;
                for (i, text) in elements.iter().enumerate() {
                    let mut view = [0; 16];
                    view[..4].copy_from_slice(&(text.len() as i32).to_le_bytes());
                    if text.len() <= 12 {
                        view[4..4 + text.len()].copy_from_slice(text);
                    } else {
                        view[4..8].copy_from_slice(&text[..4]);
                        view[8..12].copy_from_slice(&1i32.to_le_bytes());
                        view[12..].copy_from_slice(&(at as i32).to_le_bytes());
                    }
                    at += text.len();
                    self.bytes.extend_from_slice(if valid[i] { &view } else { &[0xee; 16] });
                }
                for text in &self.texts {
                    self.buffer_pointers.extend_from_slice(&text.as_ptr().expose_provenance().to_le_bytes());
                    self.buffer_sizes.extend_from_slice(&(text.len() as i64).to_le_bytes());
                }
            }
            Layout::Dictionary(_) | Layout::Lists(_) | Layout::Structs => {}
        }
        elements
    }

    /// The slice to hand over. Those inside it are leaked: there are few, and they outlive any borrow.
    pub fn slice(&self) -> ColumnSlice<'_> {
        let inside: &[ColumnSlice<'_>] = self.inside.iter().map(Source::slice).collect::<Vec<_>>().leak();
        let (bytes, offsets, stride) = (&self.bytes[..], &self.offsets[..], self.width + self.gap);
        let values = match self.layout {
            Layout::Fixed => Values::Fixed { bytes, stride },
            Layout::RataDie => Values::RataDie { bytes, stride: 8 + self.gap },
            Layout::Bits => Values::Bits { bytes, offset: self.start },
            Layout::Offsets(width) => Values::Offsets { offsets, width, bytes },
            // SAFETY: the texts live as long as the source; null rows are never followed.
            Layout::Pointers => Values::Pointers(unsafe { PointerArray::new(bytes, offsets) }),
            Layout::Views => Values::Views {
                views: bytes,
                // SAFETY: as above.
                buffers: unsafe { PointerArray::new(&self.buffer_pointers, &self.buffer_sizes) },
            },
            Layout::Dictionary(width) => Values::Dictionary { indices: bytes, width, values: &inside[0] },
            Layout::Lists(width) => Values::Lists { offsets, width, elements: &inside[0] },
            Layout::Structs => Values::Structs(inside),
        };
        let validity = match self.validity {
            Form::AllValid => Validity::AllValid,
            Form::Bitmap => Validity::Bitmap { bits: &self.nulls, offset: self.start },
            Form::Bytes => Validity::Bytes(&self.nulls),
        };
        let (indices, base) = (&self.sel[..], self.sel_kind.1);
        let selection = match self.sel_kind.0 {
            4 => Selection::Int32 { indices, base },
            8 => Selection::Int64 { indices, base },
            _ => Selection::All,
        };
        ColumnSlice::new(values, self.len).with_validity(validity).with_selection(selection)
    }
}

/// Bits from bit `start` on; those before are 1.
fn pack(bits: &[bool], start: usize) -> Vec<u8> {
    let mut bytes = vec![0; (start + bits.len()).div_ceil(8)];
    for i in (0..start).chain((0..bits.len()).filter(|&i| bits[i]).map(|i| start + i)) {
        bytes[i / 8] |= 1 << (i % 8);
    }
    bytes
}
