"""Nasdaq TotalView-ITCH 5.0 in Python, written from the specification and not from the C++ example.

A feed is a sequence of messages, each after its length in two bytes, big-endian. Every message starts with
its type, the stock locate, the tracking number and the time in ns since midnight (48 bits).
"""

import struct

HEADER = "cHH6s"

# What follows the header, by type.
BODIES = {
    "S": "c",
    "R": "8sccIcc2scccccIc",
    "H": "8scc4s",
    "Y": "8sc",
    "L": "4s8sccc",
    "V": "QQQ",
    "W": "c",
    "K": "8sIcI",
    "J": "8sIIII",
    "h": "8scc",
    "A": "QcI8sI",
    "F": "QcI8sI4s",
    "E": "QIQ",
    "C": "QIQcI",
    "X": "QI",
    "D": "Q",
    "U": "QQII",
    "P": "QcI8sIQ",
    "Q": "Q8sIQc",
    "B": "Q",
    "I": "QQc8sIIIcc",
    "N": "8sc",
    "O": "8scIIIQII",
}
STRUCTS = {code: struct.Struct(">" + HEADER + body) for code, body in BODIES.items()}

# Names of the fields after the header that the orders table has; None for the others.
ORDER_FIELDS = {
    "A": ("order_reference", "side", "shares", "symbol", "price"),
    "F": ("order_reference", "side", "shares", "symbol", "price", None),
    "E": ("order_reference", "shares", "match_number"),
    "C": ("order_reference", "shares", "match_number", None, "price"),
    "X": ("order_reference", "shares"),
    "D": ("order_reference",),
    "U": ("order_reference", "new_reference", "shares", "price"),
    "P": ("order_reference", "side", "shares", "symbol", "price", "match_number"),
    "Q": ("shares", "symbol", "price", "match_number", None),
    "B": ("match_number",),
}
ORDER_COLUMNS = (
    "exchange_time",
    "locate",
    "tracking",
    "type",
    "side",
    "order_reference",
    "new_reference",
    "shares",
    "price",
    "match_number",
    "symbol",
)


def split(feed):
    """The messages of a feed, without their lengths."""
    messages = []
    at = 0
    while at < len(feed):
        (length,) = struct.unpack_from(">H", feed, at)
        message = feed[at + 2 : at + 2 + length]
        assert len(message) == length == STRUCTS[chr(message[0])].size, f"byte {at}"
        messages.append(message)
        at += 2 + length
    return messages


def join(messages):
    """The feed of some messages."""
    return b"".join(struct.pack(">H", len(message)) + message for message in messages)


def type_of(message):
    return chr(message[0])


def order_row(message):
    """The row of the orders table that a message makes, without receive_time; None if it makes none."""
    code = type_of(message)
    if code not in ORDER_FIELDS:
        return None
    _, locate, tracking, time, *body = STRUCTS[code].unpack(message)
    row = dict.fromkeys(ORDER_COLUMNS)
    row.update(exchange_time=int.from_bytes(time, "big"), locate=locate, tracking=tracking, type=code)
    for name, value in zip(ORDER_FIELDS[code], body, strict=True):
        if name is not None:
            row[name] = value.decode("utf-8", "replace").rstrip(" \0") if isinstance(value, bytes) else value
    return row


def order_table(messages):
    """The columns of the orders table, without receive_time."""
    rows = [row for row in map(order_row, messages) if row is not None]
    return {name: [row[name] for row in rows] for name in ORDER_COLUMNS}


def message_table(messages):
    """The columns of the messages table, without receive_time."""
    return {"type": [type_of(message) for message in messages], "payload": list(messages)}
