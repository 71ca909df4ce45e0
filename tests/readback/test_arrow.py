"""Arrays of pyarrow, Polars and DuckDB go into libflow through Arrow's C interfaces, and come back from the file
with the same values."""

import ctypes
import datetime
from decimal import Decimal

import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from libflow import LIB, call

CAPSULE = ctypes.pythonapi.PyCapsule_GetPointer
CAPSULE.restype, CAPSULE.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]


class Flow:
    """A writer whose schema comes from Arrow."""

    def __init__(self, path, schema, options=None):
        given = ctypes.create_string_buffer(72)
        schema._export_to_c(ctypes.addressof(given))
        flow_schema, self.writer = ctypes.c_void_p(), ctypes.c_void_p()
        call("pf_schema_from_arrow", ctypes.byref(given), ctypes.byref(flow_schema))
        call("pf_writer_open", str(path).encode(), flow_schema, options and ctypes.byref(options), ctypes.byref(self.writer))
        LIB.pf_schema_free(flow_schema)

    def append(self, batch):
        array, schema = ctypes.create_string_buffer(80), ctypes.create_string_buffer(72)
        batch._export_to_c(ctypes.addressof(array), ctypes.addressof(schema))
        call("pf_append_arrow", self.writer, ctypes.byref(array), ctypes.byref(schema))

    def append_stream(self, producer):
        capsule = producer.__arrow_c_stream__()
        stream = CAPSULE(capsule, b"arrow_array_stream")
        call("pf_append_arrow_stream", self.writer, ctypes.c_void_p(stream))

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            call("pf_close", self.writer, None)
        LIB.pf_writer_free(self.writer)


ROWS = 500
FIXED = pa.list_(pa.int16(), 3)
ENUM = pa.dictionary(pa.int8(), pa.string())
TYPES = {
    "null": (pa.null(), lambda i: None),
    "bool": (pa.bool_(), lambda i: i % 3 == 0),
    **{f"int{n}": (getattr(pa, f"int{n}")(), lambda i, n=n: -(2 ** (n - 1)) + i % 100) for n in (8, 16, 32, 64)},
    **{f"uint{n}": (getattr(pa, f"uint{n}")(), lambda i, n=n: 2**n - 1 - i % 100) for n in (8, 16, 32, 64)},
    "float16": (pa.float16(), lambda i: i / 4),
    "float32": (pa.float32(), lambda i: i / 8),
    "float64": (pa.float64(), lambda i: i / 10),
    "utf8": (pa.string(), lambda i: "é" * (i % 9)),
    "large_utf8": (pa.large_string(), lambda i: f"row {i}"),
    "utf8_view": (pa.string_view(), lambda i: f"text {i} " * (i % 5)),
    "binary": (pa.binary(), lambda i: bytes([i % 256, 255])),
    "large_binary": (pa.large_binary(), lambda i: bytes([i % 256] * (i % 4))),
    "binary_view": (pa.binary_view(), lambda i: bytes([i % 256] * (i % 20))),
    "fixed_binary": (pa.binary(3), lambda i: bytes([i % 256, 0, 1])),
    "date32": (pa.date32(), lambda i: datetime.date(1969, 1, 1) + datetime.timedelta(i)),
    "date64": (pa.date64(), lambda i: datetime.date(1969, 1, 1) + datetime.timedelta(i)),
    "time32_s": (pa.time32("s"), lambda i: datetime.time(i % 24, 59, i % 60)),
    "time32_ms": (pa.time32("ms"), lambda i: datetime.time(i % 24, 59, 1, 1000)),
    "time64_us": (pa.time64("us"), lambda i: datetime.time(i % 24, 59, 1, i)),
    "time64_ns": (pa.time64("ns"), lambda i: datetime.time(i % 24, 59, 1, i)),
    **{f"timestamp_{u}": (pa.timestamp(u), lambda i: datetime.datetime(1969, 12, 31, 23, 59, i % 60)) for u in
       ("s", "ms", "us", "ns")},
    "timestamp_zone": (pa.timestamp("s", "Europe/Berlin"), lambda i: datetime.datetime(2020, 1, 1, i % 24)),
    **{f"duration_{u}": (pa.duration(u), lambda i: datetime.timedelta(seconds=i - 5)) for u in ("s", "ms", "us", "ns")},
    "decimal32": (pa.decimal32(7, 2), lambda i: Decimal(i - 250) / 100),
    "decimal64": (pa.decimal64(15, 3), lambda i: Decimal(10**11 + i) / 1000),
    "decimal128_5": (pa.decimal128(5, 2), lambda i: Decimal(i - 250) / 100),
    "decimal128_38": (pa.decimal128(38, 10), lambda i: Decimal(-(10**27)) + i),
    "decimal256": (pa.decimal256(60, 5), lambda i: Decimal(10**50) + i),
    "list": (pa.list_(pa.int32()), lambda i: [None if j == 2 else j for j in range(i % 5)]),
    "large_list": (pa.large_list(pa.string()), lambda i: [f"{j}" for j in range(i % 4)]),
    "list_view": (pa.list_view(pa.int64()), lambda i: list(range(i % 4))),
    "large_list_view": (pa.large_list_view(pa.string_view()), lambda i: ["a text of many bytes", None][: i % 3]),
    "fixed_list": (FIXED, lambda i: [i, None, -i]),
    "struct": (pa.struct([pa.field("a", pa.int32(), nullable=False), ("b", pa.string())]),
               lambda i: {"a": i, "b": None if i % 2 else "b"}),
    "map": (pa.map_(pa.string(), pa.float64()), lambda i: [(f"k{j}", None if j else 0.5) for j in range(i % 3)]),
    "dictionary": (ENUM, lambda i: ["buy", "sell", "short"][i % 3]),
    "dictionary_int": (pa.dictionary(pa.uint16(), pa.int64()), lambda i: i % 7),
    "dictionary_fixed": (pa.dictionary(pa.int32(), pa.binary(2)), lambda i: bytes([i % 5, 1])),
    "list_of_lists": (pa.list_(pa.list_(pa.timestamp("s"))),
                      lambda i: [None if j else [datetime.datetime(2000, 1, 1), None] for j in range(i % 3)]),
    "list_of_dictionary": (pa.list_(ENUM), lambda i: ["a", None, "b"][: i % 4]),
    "list_of_structs": (pa.list_(pa.struct([("t", pa.time32("s")), ("l", FIXED), ("d", pa.date64())])),
                        lambda i: [{"t": datetime.time(1, 2, 3), "l": [1, 2, 3], "d": None}] * (i % 3)),
    "list_of_list_of_structs": (pa.list_(pa.list_(pa.struct([("b", pa.bool_()), ("v", pa.binary_view())]))),
                                lambda i: [[{"b": None, "v": bytes(i % 20)}, None] * (i % 2), None, []][: i % 4]),
    "fixed_list_of_structs": (pa.list_(pa.struct([("b", pa.bool_()), ("s", pa.string())]), 2),
                              lambda i: [{"b": True, "s": None}, None]),
    "struct_of_struct": (pa.struct([("s", pa.struct([("b", pa.bool_()), ("l", pa.large_list(pa.int8()))]))]),
                         lambda i: {"s": {"b": i % 2 == 0, "l": [i % 9, None]} if i % 5 else None}),
    "map_of_structs": (pa.map_(pa.int32(), pa.struct([("d", pa.date32())])),
                       lambda i: [(j, {"d": None} if j else None) for j in range(i % 3)]),
    "struct_of_map": (pa.struct([("m", pa.map_(pa.int8(), pa.list_(pa.decimal128(20, 4))))]),
                      lambda i: {"m": [(j, [Decimal(j), None]) for j in range(i % 3)]}),
}


def array_of(kind, value, rows=ROWS):
    values = [None if i % 7 == 3 else value(i) for i in range(rows)]
    if pa.types.is_dictionary(kind):
        return pa.array(values, kind.value_type).dictionary_encode().cast(kind)
    if kind == pa.list_(ENUM):
        flat = pa.array([[None if v is None else "ab".index(v) for v in row] if row is not None else None
                         for row in values], pa.list_(pa.int8()))
        return pa.ListArray.from_arrays(flat.offsets, pa.DictionaryArray.from_arrays(flat.values, ["a", "b"]),
                                        mask=flat.is_null())
    return pa.array(values, kind)


def plain(table, name=None):
    """Values as Python has them; instants, dates and map entries in one form for every reader."""
    def one(value):
        match value:
            case datetime.datetime():
                return value.astimezone(datetime.UTC).replace(tzinfo=None) if value.tzinfo else value
            case dict():
                if set(value) == {"key", "value"}:
                    return (one(value["key"]), one(value["value"]))
                return {k: one(v) for k, v in value.items()}
            case list() | tuple():
                return [one(v) for v in value] if isinstance(value, list) else tuple(map(one, value))
        return value
    return [one(v) for v in table.column(name or table.column_names[0]).to_pylist()]


def by_duckdb(path):
    return duckdb.sql(f"SELECT * FROM read_parquet('{path}')").to_arrow_table()


def by_polars(path):
    return polars.read_parquet(path).to_arrow()


# What a reader has no equal type for.
UNREADABLE = {by_duckdb: ("duration", "decimal256"), by_polars: ("decimal256",)}


@pytest.mark.parametrize("name", TYPES)
def test_pyarrow_arrays(name, tmp_path):
    kind, value = TYPES[name]
    array, path = array_of(kind, value), tmp_path / "part.parquet"
    whole = pa.RecordBatch.from_arrays([array], names=["c"])
    # Slices of the batch, of the array, and of a struct array that the batch is.
    sliced = pa.RecordBatch.from_arrays([array.slice(13, 100)], names=["c"]).slice(1, 50)
    parts = [whole, whole.slice(200), sliced, whole.slice(5, 0), whole.slice(ROWS - 1), whole.slice(3, 1)]
    with Flow(path, whole.schema) as flow:
        for part in parts:
            flow.append(part)
        flow.append_stream(pa.RecordBatchReader.from_batches(whole.schema, parts))
    expected = plain(pa.Table.from_batches(parts * 2))
    table = pq.read_table(path)
    table.validate(full=True)
    assert plain(table) == expected
    for reader, unreadable in UNREADABLE.items():
        if not name.startswith(unreadable):
            assert plain(reader(path)) == expected, reader.__name__


@pytest.mark.parametrize("name", TYPES)
def test_empty_arrays_and_all_null_ones(name, tmp_path):
    kind, path = TYPES[name][0], tmp_path / "part.parquet"
    empty, nulls = pa.array([], kind), pa.nulls(20, kind)
    batches = [pa.RecordBatch.from_arrays([array], names=["c"]) for array in (empty, nulls, nulls.slice(3, 7), empty)]
    with Flow(path, batches[0].schema) as flow:
        for batch in batches:
            flow.append(batch)
        flow.append_stream(pa.RecordBatchReader.from_batches(batches[0].schema, batches))
        flow.append_stream(pa.RecordBatchReader.from_batches(batches[0].schema, []))
    assert plain(pq.read_table(path)) == [None] * 54
    with Flow(tmp_path / "empty.parquet", batches[0].schema) as flow:
        flow.append(batches[0])
    assert pq.read_table(tmp_path / "empty.parquet").num_rows == 0


def test_nulls_among_the_values_of_a_dictionary(tmp_path):
    values = pa.array(["unused", "buy", None, "sell"]).slice(1)
    array = pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 2] * 9, pa.int16()), values)
    batch = pa.RecordBatch.from_arrays([array.slice(1)], names=["c"])
    with Flow(tmp_path / "part.parquet", batch.schema) as flow:
        flow.append(batch)
    assert plain(pq.read_table(tmp_path / "part.parquet")) == (["buy", None, None, "sell"] * 9)[1:]


def test_a_struct_array_with_an_offset_is_a_batch(tmp_path):
    columns = {name: array_of(*TYPES[name]) for name in TYPES}
    struct = pa.StructArray.from_arrays(list(columns.values()), names=list(columns))
    schema = pa.schema(struct.type)
    with Flow(tmp_path / "part.parquet", schema) as flow:
        for start in (0, 9, 300):
            flow.append(struct.slice(start, 77))
    table, batch = pq.read_table(tmp_path / "part.parquet"), pa.RecordBatch.from_struct_array(struct)
    expected = pa.Table.from_batches([batch.slice(start, 77) for start in (0, 9, 300)])
    for name in columns:
        assert plain(table, name) == plain(expected, name), name


def test_polars_frames(tmp_path):
    columns = {}
    for name, (kind, value) in TYPES.items():
        if not name.startswith(("map", "struct_of_map", "list_view", "large_list_view", "decimal256")):
            columns[name] = polars.Series(name, array_of(kind, value))
    columns["categorical"] = polars.Series(["a", None, "b", "a"] * (ROWS // 4), dtype=polars.Categorical)
    columns["enum"] = polars.Series(["a", None, "b", "a"] * (ROWS // 4), dtype=polars.Enum(["b", "a"]))
    columns["array"] = polars.Series([[1, 2], None, [3, None], [4, 5]] * (ROWS // 4),
                                     dtype=polars.Array(polars.Int32, 2))
    frame = polars.DataFrame(columns)
    frame = polars.concat([frame, frame.slice(11, 100), frame.filter(polars.col("int32") > 0)], rechunk=False)
    schema = pa.RecordBatchReader.from_stream(frame).schema
    path = tmp_path / "part.parquet"
    with Flow(path, schema) as flow:
        flow.append_stream(frame)
        flow.append_stream(frame.slice(450, 90))
        flow.append_stream(frame.clear())
    expected = polars.concat([frame, frame.slice(450, 90)]).to_arrow()
    read = pq.read_table(path)
    for name in columns:
        assert plain(read, name) == plain(expected, name), name
    assert polars.read_parquet(path).equals(polars.concat([frame, frame.slice(450, 90)]))


# How DuckDB exports texts, by its settings.
FORMS = {
    "string": "",
    "string_view": "SET produce_arrow_string_view = true; SET arrow_output_list_view = true;"
                   "SET arrow_output_version = '1.4';",
    "large_string": "SET arrow_large_buffer_size = true;",
}


@pytest.mark.parametrize("form", FORMS)
def test_duckdb_results(form, tmp_path):
    query = """SELECT (i % 100)::TINYINT AS tiny, i::HUGEINT * 1000000007 AS huge, i::UBIGINT AS u,
        CASE WHEN i % 3 = 0 THEN NULL ELSE 'text that is long enough ' || i END AS text, i % 2 = 0 AS flag,
        (i / 7)::DECIMAL(9, 3) AS price, i::FLOAT / 3 AS f, DATE '2000-01-01' + i::INT AS day,
        TIME '01:02:03' AS t, TIMESTAMP '2001-02-03 04:05:06' + to_seconds(i) AS ts,
        TIMESTAMP_S '2001-02-03 04:05:06' AS ts_s, TIMESTAMP_NS '2001-02-03 04:05:06.123456' AS ts_ns,
        TIMESTAMPTZ '2001-02-03 04:05:06+01' AS tz, ('\\xAA' || i::VARCHAR)::BLOB AS bytes, uuid() AS id,
        CASE i % 3 WHEN 0 THEN 'buy' WHEN 1 THEN 'sell' END::ENUM('buy', 'sell') AS side,
        range(i % 5) AS list, [[i, NULL], NULL, []] AS lists, {'a': i, 'b': [{'c': i::VARCHAR}]} AS struct,
        MAP {i: 'v' || i, -1: NULL} AS map, [i, i + 1, NULL]::BIGINT[3] AS array,
        FROM range(5000) r(i)"""
    path = tmp_path / "part.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"{FORMS[form]} CREATE TABLE t AS {query}")
        table = connection.sql("SELECT * FROM t").to_arrow_table()
        with Flow(path, table.schema) as flow:
            flow.append_stream(connection.sql("SELECT * FROM t"))
            flow.append_stream(connection.sql("SELECT * FROM t WHERE huge < 0"))  # no rows
    assert str(table.schema.field("text").type) == form
    read = pq.read_table(path)
    for name in table.column_names:
        assert plain(read, name) == plain(table, name), name
    again = by_duckdb(path)
    for name in set(table.column_names) :
        assert plain(again, name) == plain(table, name), name


def test_metadata_is_stored(tmp_path):
    field = pa.field("id", pa.int32(), nullable=False, metadata={"unit": "ticks"})
    schema = pa.schema([field], metadata={"made by": "a test"})
    with Flow(tmp_path / "part.parquet", schema) as flow:
        flow.append(pa.record_batch([pa.array([1], pa.int32())], schema=schema))
    read = pq.read_schema(tmp_path / "part.parquet")
    assert read.metadata[b"made by"] == b"a test"
    assert read.field("id").metadata[b"unit"] == b"ticks"
    assert not read.field("id").nullable
