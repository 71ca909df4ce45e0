"""Three independent readers, and one form for what they read.

A column becomes a list in the form of the `.expected.jsonl` files (see ffi-tests/expected.h): integers as they
are, floats as hex floats or "nan:<bits>", decimals as text with all digits, text as text, bytes and UUIDs as
{"hex": ...}, dates, times and durations as integers in the stored unit, lists as lists, structs as dicts.
"""

import json
import struct
import uuid

import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet as pq

UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def read_pyarrow(path, names):
    return pq.ParquetFile(path).read(columns=names)


def read_duckdb(path, names):
    quoted = ", ".join('"' + name.replace('"', '""') + '"' for name in names)
    # One thread keeps the order of the rows.
    with duckdb.connect(config={"threads": 1}) as connection:
        return connection.sql(f"SELECT {quoted} FROM read_parquet(?)", params=[str(path)]).to_arrow_table()


def read_polars(path, names):
    return polars.read_parquet(path, columns=names).to_arrow()


READERS = {"pyarrow": read_pyarrow, "duckdb": read_duckdb, "polars": read_polars}


def unreadable(reader, stored, values):
    """Why the reader cannot show these values of a column of this stored type, or None."""
    if reader == "duckdb" and pa.types.is_timestamp(stored) and stored.unit == "ms":
        # Its milliseconds become microseconds, so those beyond 2**63 / 1000 are a conversion error.
        if any(v is not None and abs(v) > (2**63 - 1) // 1000 for v in values):
            return "milliseconds beyond the range of microseconds"
    if "decimal256" in str(stored) and reader != "pyarrow":
        return "38 digits at most: DuckDB makes more a double, Polars refuses them"
    return None


def from_float_bits(bits, width):
    """A float in the form of the expectations, from its bits."""
    if bits is None:
        return None
    code = {4: "<If", 8: "<Qd"}[width]
    value = struct.unpack("<" + code[2], struct.pack("<" + code[1], bits))[0]
    return f"nan:{bits:x}" if value != value else value.hex()


def from_half_bits(bits):
    """A half in the form of the expectations, from its bits."""
    if bits is None:
        return None
    value = struct.unpack("<e", struct.pack("<H", bits))[0]
    return f"nan:{bits:x}" if value != value else value.hex()


def narrow(bits):
    """The bits of the half that a float was made of; neither a value nor the end of a NaN may get lost."""
    if bits is None:
        return None
    value = struct.unpack("<f", struct.pack("<I", bits))[0]
    if value != value:
        return bits >> 16 & 0x8000 | bits >> 13 & 0x7FFF
    return struct.unpack("<H", struct.pack("<e", value))[0]


def in_unit(count, have, want):
    """A count of `have` units in `want` units, exactly; a rest is left visible as a fraction."""
    if count is None or have == want:
        return count
    scaled = count * UNITS[want]
    return scaled // UNITS[have] if scaled % UNITS[have] == 0 else scaled / UNITS[have]


def column_values(column, stored):
    """The values of an Arrow column whose file says the type `stored`, in the form of the expectations."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array.type, pa.BaseExtensionType):
        array = array.storage
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_dictionary(stored):
        stored = stored.value_type
    kind = array.type
    if pa.types.is_float16(kind):
        return [from_half_bits(bits) for bits in array.view(pa.uint16()).to_pylist()]
    if pa.types.is_float16(stored):  # DuckDB makes it a float, exactly
        return [from_half_bits(narrow(bits)) for bits in array.view(pa.uint32()).to_pylist()]
    if pa.types.is_float32(kind):
        return [from_float_bits(bits, 4) for bits in array.view(pa.uint32()).to_pylist()]
    if pa.types.is_float64(kind):
        return [from_float_bits(bits, 8) for bits in array.view(pa.uint64()).to_pylist()]
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        elements = column_values(array.values, stored.value_type)
        ends = array.offsets.to_pylist()
        lists = zip(array.is_valid().to_pylist(), ends, ends[1:])
        return [elements[begin:end] if valid else None for valid, begin, end in lists]
    if pa.types.is_struct(kind):
        names = [field.name for field in kind]
        columns = [column_values(array.field(i), stored.field(i).type) for i in range(len(names))]
        rows = zip(*columns, strict=True)
        return [dict(zip(names, row)) if valid else None for valid, row in zip(array.is_valid().to_pylist(), rows)]
    if pa.types.is_date32(kind):
        return array.view(pa.int32()).to_pylist()
    if pa.types.is_timestamp(kind) or pa.types.is_time(kind) or pa.types.is_duration(kind):
        counts = array.view(pa.int32() if pa.types.is_time32(kind) else pa.int64()).to_pylist()
        return [in_unit(count, kind.unit, stored.unit) for count in counts]
    values = array.to_pylist()
    if pa.types.is_decimal(kind):
        return [None if value is None else format(value, "f") for value in values]
    if pa.types.is_string(kind) and isinstance(stored, pa.UuidType):  # DuckDB's own form
        return [None if value is None else {"hex": uuid.UUID(value).hex} for value in values]
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return [None if value is None else {"hex": value.hex()} for value in values]
    return values


def typed(value):
    """A key that tells True from 1, which Python's equality does not, and that can be counted."""
    return json.dumps(value)


def difference(read, expected):
    """The first row in which two columns differ, as text; None if they do not."""
    if typed(read) == typed(expected):
        return None
    for row, (have, want) in enumerate(zip(read, expected)):
        if typed(have) != typed(want):
            return f"row {row}: read {have!r}, expected {want!r}"
    return f"read {len(read)} rows, expected {len(expected)}"
