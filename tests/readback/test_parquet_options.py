"""What a program asks for is in the file, and what readers skip by it is just what they may."""

import ctypes
import datetime
import json
import math
import random
from decimal import Decimal
from pathlib import Path

import duckdb
import polars
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

from test_arrow import Flow

PROGRAM = "parquet_options"
ENCODINGS = {
    "plain": "PLAIN",
    "dictionary": "RLE_DICTIONARY",
    "delta": "DELTA_BINARY_PACKED",
    "delta_lengths": "DELTA_LENGTH_BYTE_ARRAY",
    "byte_stream_split": "BYTE_STREAM_SPLIT",
}


def chunks(path):
    metadata = pq.read_metadata(path)
    return [metadata.row_group(g).column(c) for g in range(metadata.num_row_groups) for c in range(metadata.num_columns)]


def described(path):
    """DuckDB's view of the column chunks."""
    return duckdb.sql(f"SELECT * FROM parquet_metadata('{path}')").to_arrow_table().to_pylist()


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def page_headers(path):
    """For each page of each chunk: the column's path, and the first fields of its header by number (Thrift's compact
    protocol): 1 the type, 2 and 3 the sizes, 4 the checksum."""
    data = Path(path).read_bytes()
    for chunk in chunks(path):
        at = chunk.dictionary_page_offset if chunk.has_dictionary_page else chunk.data_page_offset
        end = at + chunk.total_compressed_size
        while at < end:
            header, field = {}, 0
            while True:
                kind, field = data[at] & 15, field + (data[at] >> 4)
                at += 1
                if kind != 5:
                    break
                value, at = varint(data, at)
                header[field] = value >> 1 ^ -(value & 1)
            # The one struct, of small integers and bools, or with statistics, which libflow leaves out.
            inner = {}
            number = 0
            while data[at]:
                kind, number = data[at] & 15, number + (data[at] >> 4)
                at += 1
                if kind in (1, 2):
                    inner[number] = kind == 1
                else:
                    value, at = varint(data, at)
                    inner[number] = value >> 1
            at += 2 + header[3]
            yield chunk.path_in_schema, header, inner
        assert at == end


# Those whose pages the parquet crate makes.
CRATE = ("bool", "float16", "dec128", "dec256", "fixed", "uuid")


@pytest.mark.parametrize("name", ["v1_crc", "v2_crc", "v2_crc_uncompressed"])
def test_checksums_are_there_and_right(parts, name):
    path = parts / f"{name}.parquet"
    for column, header, _ in page_headers(path):
        assert 4 in header, column
    table = pq.ParquetFile(path, page_checksum_verification=True).read()
    assert table.num_rows == 250
    # They are looked at: a byte of a page that is another is noticed.
    for chunk in chunks(path):
        check_that_a_flipped_byte_is_noticed(path, chunk)


def check_that_a_flipped_byte_is_noticed(path, chunk):
    """The last byte of the chunk, and of its dictionary, if it has one."""
    start = chunk.dictionary_page_offset if chunk.has_dictionary_page else chunk.data_page_offset
    ends = [start + chunk.total_compressed_size] + [chunk.data_page_offset] * chunk.has_dictionary_page
    for end in ends:
        broken = bytearray(path.read_bytes())
        broken[end - 1] ^= 1
        with pytest.raises(OSError, match="(?i)crc|checksum"):
            file = pq.ParquetFile(pa.BufferReader(bytes(broken)), page_checksum_verification=True)
            file.read(columns=[chunk.path_in_schema])


# By fields, by levels: what the writer of each is asked for must reach both.
@pytest.mark.parametrize("name", ["nested/by_macros", "levels/repeated"])
def test_checksums_of_nested_columns(parts, name):
    path = parts.parent / f"{name}.parquet"
    assert pq.ParquetFile(path, page_checksum_verification=True).read() == pq.ParquetFile(path).read()
    for chunk in chunks(path):
        check_that_a_flipped_byte_is_noticed(path, chunk)


def test_no_checksums_by_default(parts):
    assert not any(4 in header for _, header, _ in page_headers(parts / "v2.parquet"))


@pytest.mark.parametrize(
    "name, kind", [("v1_crc", 0), ("zstd_minus_7", 0), ("v2", 3), ("v2_snappy", 3), ("v2_crc_uncompressed", 3)]
)
def test_pages_are_of_the_version(parts, name, kind):
    headers = list(page_headers(parts / f"{name}.parquet"))
    assert {header[1] for _, header, _ in headers} - {2} == {kind}
    if kind == 3:
        for column, header, inner in headers:
            # Not compressed, or smaller for it.
            if header[1] == 3 and not column.startswith(CRATE):
                assert inner[7] == (header[3] < header[2]), column
        assert {inner[7] for _, header, inner in headers if header[1] == 3} == (
            {False} if name == "v2_crc_uncompressed" else {True, False}
        )


@pytest.mark.parametrize("name, limit", [("page_rows", 33), ("page_of_a_row", 1)])
def test_pages_end_by_rows(parts, name, limit):
    rows = [inner[1] for _, header, inner in page_headers(parts / f"{name}.parquet") if header[1] != 2]
    assert max(rows) == limit and min(rows) >= 1


def test_pages_end_by_bytes(parts):
    pages = list(page_headers(parts / "page_bytes.parquet"))
    assert all(header[2] < 600 for column, header, _ in pages if header[1] == 0 and not column.startswith(CRATE))
    pages = list(page_headers(parts / "page_of_a_byte.parquet"))
    assert all(inner[1] == 1 for column, header, inner in pages if header[1] == 0 and not column.startswith(CRATE))


def test_row_groups_end_by_bytes(parts):
    metadata = pq.read_metadata(parts / "row_group_bytes.parquet")
    rows = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    assert sum(rows) == 250 and 2 <= len(rows) <= 10
    assert max(rows[:-1]) - min(rows[:-1]) <= 5 and rows[-1] <= max(rows)


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("version", [1, 2])
def test_columns_have_the_encoding(parts, name, version):
    asked = 0
    for chunk in chunks(parts / f"{name}_v{version}.parquet"):
        encodings = set(chunk.encodings) - {"RLE"}
        suits = {
            "plain": True,
            "dictionary": chunk.physical_type != "BOOLEAN",
            "delta": chunk.physical_type in ("INT32", "INT64"),
            "delta_lengths": chunk.physical_type == "BYTE_ARRAY",
            "byte_stream_split": chunk.physical_type in ("INT32", "INT64", "FLOAT", "DOUBLE"),
        }[name]
        if suits:
            asked += 1
            expected = {ENCODINGS[name]} | ({"PLAIN"} if name == "dictionary" else set())
            assert encodings == expected, chunk.path_in_schema
    assert asked > 3


def test_statistics_are_of_the_level(parts):
    for level in ["none", "chunk", "page"]:
        for chunk in chunks(parts / f"statistics_{level}.parquet"):
            own = {"none": "chunk", "chunk": "none", "page": "none"}[level]
            here = own if chunk.path_in_schema == "int32" else level
            assert chunk.is_stats_set == (here != "none"), (level, chunk.path_in_schema)
            # The crate leaves no index of columns whose bounds it does not know.
            assert not chunk.has_column_index if here != "page" else chunk.has_column_index, chunk.path_in_schema


def test_bloom_filters_are_there(parts):
    for chunk in chunks(parts / "bloom.parquet"):
        is_bool = chunk.physical_type == "BOOLEAN"
        assert (chunk.bloom_filter_offset is None) == is_bool, chunk.path_in_schema
        # 100 values, of 10 or 16 bits each.
        assert is_bool or 32 < chunk.bloom_filter_length < 600
    assert all(chunk.bloom_filter_offset is None for chunk in chunks(parts / "v2.parquet"))


def test_metadata(parts):
    path = parts / "metadata.parquet"
    file = pq.ParquetFile(path)
    keys = [(key.column_index, key.descending, key.nulls_first) for key in file.metadata.row_group(0).sorting_columns]
    assert keys == [(1, True, True), (0, False, False)]
    ids = [field.metadata[b"PARQUET:field_id"] for field in file.schema_arrow]
    assert ids == [b"2147483647", b"7", b"8"]
    assert file.metadata.metadata[b"owner"] == "Zoë".encode() and file.metadata.metadata[b"run"] == b"7"
    id = file.metadata.row_group(0).column(0)
    assert set(id.encodings) == {"DELTA_BINARY_PACKED"} and id.is_stats_set and id.bloom_filter_offset
    sink = pq.ParquetFile(parts / "sink.parquet")
    assert sink.schema_arrow.field("n").metadata[b"PARQUET:field_id"] == b"3"
    assert sink.metadata.row_group(0).column(0).bloom_filter_offset


@pytest.mark.parametrize("name", ["auto_v1", "auto_v2", "choices", "metadata"])
def test_the_encodings_that_were_chosen_are_in_the_file(parts, name):
    path = parts / f"{name}.parquet"
    metadata = pq.read_metadata(path)
    told = json.loads(metadata.metadata.get(b"libflow.encodings", b"[]"))
    assert {entry[0] for entry in told} == {
        i for i, chunk in enumerate(chunks(path))
        if name != "choices" or i in (0, 1, 3)
        if name != "metadata" or i == 1
        if not chunk.path_in_schema.startswith(CRATE)
    }
    for column, encoding, values, distinct, size, plain, encoded in told:
        chunk = metadata.row_group(0).column(column)
        assert encoding in chunk.encodings
        assert encoding == "RLE_DICTIONARY" or "RLE_DICTIONARY" not in chunk.encodings
        assert 0 < distinct <= values <= chunk.num_values
        assert encoded <= plain + plain // 50  # of those nearly as small it is the first
        width = {"INT32": 4, "INT64": 8, "FLOAT": 4, "DOUBLE": 8}.get(chunk.physical_type)
        assert width is None or size == width * values


def test_distinct_values_are_counted_where_they_are_known(parts):
    for name, known in [("dictionary_v1", True), ("plain_v1", False)]:
        path = parts / f"{name}.parquet"
        table = pq.read_table(path)
        for chunk in described(path):
            column = chunk["path_in_schema"]
            if chunk["type"] not in ("INT32", "INT64", "BYTE_ARRAY"):
                assert chunk["stats_distinct_count"] is None
            elif not known:
                assert chunk["stats_distinct_count"] is None, column
            else:
                values = pc.count_distinct(table.column(column), mode="only_valid").as_py()
                assert chunk["stats_distinct_count"] == values, column


# Push-down: what a reader finds in the file is what it finds in the same rows in memory.

ROWS = 2400


def clustered(make):
    """Values that rise from page to page, with a few that come again."""
    return [make(i // 3 * 3 if i % 7 else i % 5) for i in range(ROWS)]


def floats():
    special = [math.nan, 0.0, -0.0, math.inf, -math.inf]
    page = lambda i: i // 100
    # Pages of NaNs alone, of zeros of one sign, with and without specials.
    def one(i):
        if page(i) == 3:
            return math.nan
        if page(i) in (5, 6):
            return 0.0 if page(i) == 5 else -0.0
        return special[i % 5] if page(i) % 4 == 1 and i % 11 == 0 else i / 8 - 100
    return [one(i) for i in range(ROWS)]


UTC = datetime.timezone.utc
START = datetime.datetime(2024, 1, 1, tzinfo=UTC)
PREFIX = "é" * 40
KINDS = {
    "int8": (pa.int8(), clustered(lambda i: i // 20 - 60)),
    "int16": (pa.int16(), clustered(lambda i: i * 20 - 24_000)),
    "int32": (pa.int32(), clustered(lambda i: i * 1000 - 1_200_000)),
    "int64": (pa.int64(), clustered(lambda i: (i - 1200) * 2**52)),
    "uint8": (pa.uint8(), clustered(lambda i: i // 10)),
    "uint16": (pa.uint16(), clustered(lambda i: i * 27)),
    "uint32": (pa.uint32(), clustered(lambda i: i * 1_700_000)),
    "uint64": (pa.uint64(), clustered(lambda i: i * 2**52 * 1)),
    "uint64 high": (pa.uint64(), clustered(lambda i: 2**63 - 2**52 * 1200 + i * 2**52)),
    "float32": (pa.float32(), floats()),
    "float64": (pa.float64(), floats()),
    "text": (pa.string(), clustered(lambda i: f"{i:05}")),
    "long text": (pa.string(), clustered(lambda i: PREFIX + f"{i:05}")),
    "text of all lengths": (pa.string(), clustered(lambda i: chr(0x100 + i // 50) * (i % 90))),
    "binary": (pa.binary(), clustered(lambda i: b"\xff" * (i // 30) + bytes([i % 256]))),
    "fixed": (pa.binary(6), clustered(lambda i: i.to_bytes(6, "big"))),
    "decimal 9": (pa.decimal128(9, 2), clustered(lambda i: Decimal(i - 1200) / 100)),
    "decimal 18": (pa.decimal128(18, 4), clustered(lambda i: Decimal((i - 1200) * 10**12) / 10**4)),
    "decimal 38": (pa.decimal128(38, 10), clustered(lambda i: Decimal(i - 1200) * 10**20)),
    "date": (pa.date32(), clustered(lambda i: datetime.date(1967, 1, 1) + datetime.timedelta(i))),
    "ms": (pa.timestamp("ms", "UTC"), clustered(lambda i: START + datetime.timedelta(milliseconds=i))),
    "us": (pa.timestamp("us", "UTC"), clustered(lambda i: START - datetime.timedelta(microseconds=i))),
    "local us": (pa.timestamp("us"), clustered(lambda i: datetime.datetime(1970, 1, 1) + datetime.timedelta(hours=i - 900))),
    "ns": (pa.timestamp("ns"), clustered(lambda i: datetime.datetime(1970, 1, 1) + datetime.timedelta(minutes=i - 900))),
    "bool": (pa.bool_(), clustered(lambda i: i > 1200)),
    "time": (pa.time64("us"), clustered(lambda i: (datetime.datetime(2000, 1, 1) + datetime.timedelta(seconds=i)).time())),
}
NULLS = {
    "none": lambda i: False,
    "some": lambda i: i % 3 == 1,
    "pages": lambda i: i // 100 % 3 == 0 or i >= 2000,
    "all": lambda i: True,
}


class Column(ctypes.Structure):
    _fields_ = [
        ("path", ctypes.c_char_p),
        ("encoding", ctypes.c_int32),
        ("statistics", ctypes.c_int32),
        ("flags", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("bloom_fpp", ctypes.c_double),
        ("bloom_ndv", ctypes.c_uint64),
    ]


class Options(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("codec", ctypes.c_int32),
        ("codec_level", ctypes.c_int32),
        ("sync", ctypes.c_int32),
        ("if_exists", ctypes.c_int32),
        ("page_version", ctypes.c_int32),
        ("row_group_rows", ctypes.c_uint64),
        ("window_rows", ctypes.c_uint64),
        ("window_bytes", ctypes.c_uint64),
        ("queue_bytes", ctypes.c_uint64),
        ("row_group_bytes", ctypes.c_uint64),
        ("page_rows", ctypes.c_uint64),
        ("page_bytes", ctypes.c_uint64),
        ("sync_bytes", ctypes.c_uint64),
        ("page_crc", ctypes.c_uint32),
        ("statistics", ctypes.c_int32),
        ("columns", ctypes.POINTER(Column)),
        ("column_count", ctypes.c_uint64),
        ("column_size", ctypes.c_uint64),
        ("sorting", ctypes.c_void_p),
        ("sorting_count", ctypes.c_uint64),
        ("sorting_size", ctypes.c_uint64),
        ("sync_ms", ctypes.c_uint64),
    ]


def options(encoding, bloom, **more):
    """Small row groups and pages; zstd at its default level."""
    column = (Column * 1)(Column(path=b"v", encoding=encoding, flags=int(bloom)))
    given = Options(
        struct_size=ctypes.sizeof(Options),
        codec=6,
        codec_level=-(2**31),
        row_group_rows=400,
        page_rows=100,
        columns=column,
        column_count=1,
        column_size=ctypes.sizeof(Column),
    )
    for name, value in more.items():
        setattr(given, name, value)
    return given


OPERATORS = ["=", "<", "<=", ">", ">=", "<>"]


def predicates(values):
    """Values to compare with: some that are there, their neighbours, and some that are not."""
    there = [value for value in values if value is not None]
    if not there:
        return []
    picked = [there[0], there[len(there) // 3], there[-1], there[len(there) // 2]]
    if isinstance(there[0], float):
        picked += [math.nan, 0.0, -0.0, math.inf, 12.34, -1e30, 1e30]
    elif isinstance(there[0], str):
        picked += ["", picked[1] + "a", picked[1][:-1], PREFIX, "\U0010ffff"]
    elif isinstance(there[0], bool):
        pass
    elif isinstance(there[0], int):
        picked += [picked[1] + 1, max(there), min(there)]
    return picked


def by_duckdb(path, table, kind, values):
    with duckdb.connect() as connection:
        connection.register("memory", table)
        type_of = connection.execute("SELECT typeof(v) FROM memory LIMIT 1").fetchall()[0][0]
        conditions = [(f"v {operator} ?::{type_of}", [value]) for value in values for operator in OPERATORS]
        conditions += [("v IS NULL", []), ("v IS NOT NULL", [])]
        conditions += [(f"v IN (?::{type_of}, ?::{type_of})", values[1:3])] if values else []
        for condition, parameters in conditions:
            rows = lambda source: connection.execute(
                f"SELECT i FROM {source} WHERE {condition} ORDER BY i", parameters
            ).fetchall()
            yield (condition, parameters), rows(f"read_parquet('{path}')"), rows("memory")


def by_polars(path, table, kind, values):
    frame = polars.from_arrow(table)
    v = polars.col("v")
    typed = [polars.from_arrow(pa.array([value], kind))[0] for value in values]
    literals = [polars.lit(value, dtype=frame.schema["v"]) for value in typed]
    conditions = [(value, v == to) for value, to in zip(values, literals)]
    for operator in ["lt", "le", "gt", "ge", "ne"]:
        conditions += [((operator, value), getattr(v, operator)(to)) for value, to in zip(values, literals)]
    conditions += [("null", v.is_null()), ("valid", v.is_not_null())]
    for name, condition in conditions:
        found = polars.scan_parquet(path).filter(condition).select("i").collect()["i"].to_list()
        yield name, found, frame.filter(condition)["i"].to_list()


def by_pyarrow(path, table, kind, values):
    v, memory = pc.field("v"), pyarrow.dataset.dataset(table)
    scalars = [pa.scalar(value, kind) for value in values]
    conditions = [v.is_null(), v.is_valid()]
    for value in scalars:
        conditions += [v == value, v < value, v <= value, v > value, v >= value, v != value]
    conditions += [v.isin(scalars[1:3])] if scalars else []
    file = pyarrow.dataset.dataset(path)
    for condition in conditions:
        rows = lambda source: source.to_table(columns=["i"], filter=condition)["i"].to_pylist()
        yield condition, rows(file), rows(memory)


READERS = {"duckdb": by_duckdb, "polars": by_polars, "pyarrow": by_pyarrow}
FORMS = {
    "auto": (0, False, {}),
    "plain, bloom, v2": (1, True, {"page_version": 2}),
    "dictionary, bloom": (2, True, {}),
    "chunk statistics": (0, False, {"statistics": 2}),
    "no statistics, bloom": (0, True, {"statistics": 1}),
    "other encoding, bloom, crc": (None, True, {"page_crc": 1}),
}


def other_encoding(kind):
    """What the type has beside plain values and a dictionary."""
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        return 4
    if pa.types.is_floating(kind):
        return 5
    wide = pa.types.is_fixed_size_binary(kind) or pa.types.is_decimal(kind) and kind.precision > 18
    return 1 if wide or pa.types.is_boolean(kind) else 3


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", KINDS)
def test_filters_find_the_matching_rows(name, form, tmp_path):
    kind, all_values = KINDS[name]
    encoding, bloom, more = FORMS[form]
    if encoding is None:
        encoding = other_encoding(kind)
    if name == "bool":
        encoding, bloom = min(encoding, 1), False
    for pattern, is_null in NULLS.items():
        if pattern in ("none", "all") and form != "auto":
            continue
        values = [None if is_null(i) else value for i, value in enumerate(all_values)]
        table = pa.table({"i": pa.array(range(ROWS), pa.int64()), "v": pa.array(values, kind)})
        path = str(tmp_path / f"{pattern}.parquet")
        with Flow(path, table.schema, options(encoding, bloom, **more)) as flow:
            for batch in table.to_batches():
                flow.append(batch)
        metadata = pq.read_metadata(path)
        assert metadata.num_row_groups == ROWS // 400
        chunk = metadata.row_group(0).column(1)
        assert (chunk.bloom_filter_offset is not None) == bloom
        for reader, found in READERS.items():
            for condition, in_file, in_memory in found(path, table, kind, predicates(values)):
                assert in_file == in_memory, (reader, pattern, condition)


@pytest.mark.parametrize("version", [1, 2])
def test_long_columns_are_written_from_where_they_lie(version, tmp_path):
    """Nothing is compressed, and rows fill their row groups at once. Memory that is given back too early is used again."""
    noise, path, expected = random.Random(7), tmp_path / "part.parquet", []
    schema = pa.schema([pa.field("v", pa.int64(), nullable=False), ("f", pa.float64()), ("s", pa.float32()),
                        pa.field("b", pa.binary(), nullable=False), ("t", pa.string())])
    given = options(0, False, codec=0, page_version=version, row_group_rows=20_000, page_rows=0, page_crc=1)

    def batch(rows):
        """Of memory that is its own."""
        def numbers(kind, width, null=0.0):
            valid = [noise.random() >= null for _ in range(rows)]
            # No NaN, which would not equal itself.
            values = noise.randbytes(rows * width) if kind == pa.int64() else bytes(pa.array(
                [noise.random() for _ in range(rows)], kind).buffers()[1])
            bits = pa.array(valid).buffers()[1] if null else None
            return pa.Array.from_buffers(kind, rows, [bits, pa.py_buffer(values)])

        def texts(kind, text, width):
            ends = bytes(pa.array(range(0, rows * width + 1, width), pa.int32()).buffers()[1])
            return pa.Array.from_buffers(kind, rows, [None, pa.py_buffer(ends), pa.py_buffer(text)])

        null = 0.1 if rows > 20_000 else 0.0
        return pa.record_batch([
            numbers(pa.int64(), 8), numbers(pa.float64(), 8, null), numbers(pa.float32(), 4),
            texts(pa.binary(), noise.randbytes(rows * 40), 40),
            texts(pa.string(), noise.randbytes(rows * 4).hex().encode(), 8),
        ], schema=schema)

    with Flow(path, schema, given) as flow:
        for rows in (100_000, 20_000, 19_999, 1, 60_001, 7):
            ours = batch(rows)
            expected.append(pa.ipc.read_record_batch(ours.serialize(), schema))
            flow.append(ours)
            flow.append(ours.slice(rows // 3))
            del ours
    expected = pa.Table.from_batches([part for b in expected for part in (b, b.slice(b.num_rows // 3))])
    table = pq.ParquetFile(path, page_checksum_verification=True).read()
    assert table.equals(expected)
    assert duckdb.sql(f"SELECT * FROM read_parquet('{path}')").to_arrow_table().cast(schema).equals(expected)
    assert polars.read_parquet(path).to_arrow().cast(schema).equals(expected)
    encodings = {chunk.path_in_schema: chunk.encodings for chunk in chunks(path)}
    assert "DELTA_LENGTH_BYTE_ARRAY" in encodings["b"] and "PLAIN" in encodings["v"]
