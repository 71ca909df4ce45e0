"""libflow through its C ABI: libflow.so of dist/, called with ctypes. And the way of records into it."""

import ctypes
import os
from ctypes import byref, c_char, c_char_p, c_int32, c_int64, c_uint32, c_uint64, c_void_p
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIB = ctypes.CDLL(os.environ.get("FLOW_LIB", str(ROOT / "dist/lib/libflow.so")))

TYPES = {"uint8": 6, "uint16": 7, "uint32": 8, "uint64": 9, "int32": 4, "int64": 5}
WIDTHS = {"uint8": 1, "uint16": 2, "uint32": 4, "uint64": 8, "int32": 4, "int64": 8}


class Error(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("status", c_int32),
        ("os_errno", c_int32),
        ("line", c_uint32),
        ("file", c_char * 64),
        ("message", c_char * 1024),
    ]


class RecordField(ctypes.Structure):
    _fields_ = [
        ("name", c_char_p),
        ("type", c_int32),
        ("offset", c_uint32),
        ("width", c_uint32),
        ("null_kind", c_uint32),
        ("null_bit", c_uint32),
        ("scale", c_uint32),
        ("null_value", c_int64),
        ("timezone", c_char_p),
        ("field_id", c_int32),
        ("reserved", c_uint32),
    ]


class ProducerOptions(ctypes.Structure):
    _fields_ = [("struct_size", c_uint32), ("reserved", c_uint32), ("wait_ns", c_uint64)]


LIB.pf_record_layout_new.argtypes = [c_uint32, c_void_p, c_uint64, c_uint64, c_char_p, c_void_p, c_void_p]
LIB.pf_try_record_n.argtypes = [c_void_p, c_char_p, c_uint64, c_uint64, c_void_p]
LIB.pf_try_record_payload.argtypes = [c_void_p, c_char_p, c_uint64, c_char_p, c_uint64]


def call(function, *arguments):
    """A call whose last parameter is the error detail."""
    error = Error(struct_size=ctypes.sizeof(Error))
    status = getattr(LIB, function)(*arguments, byref(error))
    assert status == 0, f"{function}: {status}: {error.message.decode()}"


class Capture:
    """A sink with one producer, which waits for room. `fields` are (name, type, offset)."""

    def __init__(self, path, size, fields, payload_name=None):
        self.size = size
        of = [RecordField(name.encode(), TYPES[kind], offset, WIDTHS[kind]) for name, kind, offset in fields]
        payload_name = payload_name and payload_name.encode()
        layout, self.sink, self.producer = c_void_p(), c_void_p(), c_void_p()
        array, stride = (RecordField * len(of))(*of), ctypes.sizeof(RecordField)
        call("pf_record_layout_new", size, array, len(of), stride, payload_name, byref(layout))
        call("pf_sink_open", str(path).encode(), layout, None, None, byref(self.sink))
        LIB.pf_record_layout_free(layout)
        waits = ProducerOptions(ctypes.sizeof(ProducerOptions), 0, 60 * 10**9)
        call("pf_producer_open", self.sink, byref(waits), byref(self.producer))

    def records(self, records):
        """Offers records that lie one after the other."""
        count, taken = len(records) // self.size, c_uint64()
        status = LIB.pf_try_record_n(self.producer, records, self.size, count, byref(taken))
        assert (status, taken.value) == (0, count)

    def payload(self, record, payload):
        status = LIB.pf_try_record_payload(self.producer, record, len(record), payload, len(payload))
        assert status == 0

    def close(self):
        call("pf_sink_close", self.sink, None)
        LIB.pf_sink_free(self.sink)
