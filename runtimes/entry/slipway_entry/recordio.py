"""RecordIO files of Amazon's Record messages (protobuf): reading them into a table, writing predictions as such.

Only what the built-in algorithms use of the format: tensors under the key `values`, dense, or sparse with keys and shape.
"""
import struct

MAGIC = 0xCED7230A
LENGTH_MASK = (1 << 29) - 1
#: Field numbers of Record and Value, and the number types of the tensors.
FEATURES, LABEL = 1, 2
TENSORS = {2: "<f4", 3: "<f8", 7: None}
VALUES, KEYS, SHAPE = 1, 2, 3
KEY = b"values"


def split_records(content):
    """The payloads of RecordIO framing. Raises ValueError where it is none."""
    position, pieces = 0, []
    while position < len(content):
        if len(content) - position < 8:
            raise ValueError("the file ends within a record's head")
        magic, word = struct.unpack_from("<II", content, position)
        if magic != MAGIC:
            raise ValueError(f"no record begins at byte {position}")
        flag, length = word >> 29, word & LENGTH_MASK
        position += 8
        if position + length > len(content):
            raise ValueError("the file ends within a record")
        pieces.append(content[position:position + length])
        position += length + (-length % 4)
        if flag in (0, 3):  # whole, or the last piece of several
            yield b"".join(pieces)
            pieces = []
    if pieces:
        raise ValueError("the file ends within a record of several pieces")


def _varint(data, position):
    value = shift = 0
    while True:
        if position >= len(data) or shift > 63:
            raise ValueError("a number is cut off")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def _fields(data):
    """(field number, content) of a message: bytes of what has a length, numbers of the rest."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        kind = tag & 7
        if kind == 0:
            content, position = _varint(data, position)
        else:
            length, position = _varint(data, position) if kind == 2 else ({1: 8, 5: 4}.get(kind, -1), position)
            if length < 0 or position + length > len(data):
                raise ValueError("a message is cut off or no Record")
            content = data[position:position + length]
            position += length
        yield tag >> 3, content


def _integers(contents):
    """Packed or single varints."""
    numbers = []
    for content in contents:
        if isinstance(content, int):
            numbers.append(content)
            continue
        position = 0
        while position < len(content):
            number, position = _varint(content, position)
            numbers.append(number)
    return numbers


def _tensor(value):
    """(values, keys or None, width) of a Value message."""
    import numpy as np

    for number, content in _fields(value):
        if number not in TENSORS:
            continue
        parts = {VALUES: [], KEYS: [], SHAPE: []}
        for name, part in _fields(content):
            parts.get(name, []).append(part)
        if TENSORS[number]:
            values = np.frombuffer(b"".join(parts[VALUES]), dtype=TENSORS[number]).astype(np.float32)
        else:
            values = np.array([number - (1 << 64) if number >> 63 else number for number in _integers(parts[VALUES])], np.float32)
        shape = _integers(parts[SHAPE])
        keys = _integers(parts[KEYS]) if parts[KEYS] else None
        return values, keys, shape[-1] if shape else None
    raise ValueError("a value is no float32, float64 or int32 tensor")


def _entry(record, field):
    """The tensor under `values` of a map; None when it is not there."""
    for number, content in _fields(record):
        if number == field:
            entry = dict(_fields(content))
            if entry.get(1) == KEY and isinstance(entry.get(2), bytes):
                return _tensor(entry[2])
    return None


def parse_records(content):
    """(features, labels): a dense array or sparse matrix, and an array or None when no record has a label."""
    import numpy as np
    from scipy.sparse import csr_matrix

    rows, labels = [], []
    for record in split_records(content):
        features = _entry(record, FEATURES)
        if features is None:
            raise ValueError("a record has no features under the key 'values'")
        rows.append(features)
        label = _entry(record, LABEL)
        if label is not None:
            labels.append(float(label[0][0]) if len(label[0]) else np.nan)
    if not rows:
        raise ValueError("there is no record")
    if labels and len(labels) != len(rows):
        raise ValueError("some records have a label and some have none")
    found = np.array(labels, np.float32) if labels else None
    if all(keys is None for _, keys, _ in rows):
        if len({len(values) for values, _, _ in rows}) > 1:
            raise ValueError("the records have different numbers of features")
        return np.stack([values for values, _, _ in rows]), found
    columns = [keys if keys is not None else range(len(values)) for values, keys, _ in rows]
    width = max(max([shape or 0, *(key + 1 for key in keys)]) for (_, _, shape), keys in zip(rows, columns))
    ends = np.cumsum([0] + [len(values) for values, _, _ in rows])
    flat = np.fromiter((key for keys in columns for key in keys), np.int64)
    values = np.concatenate([values for values, _, _ in rows])
    if len(flat) != len(values):
        raise ValueError("a sparse record has not as many keys as values")
    return csr_matrix((values, flat, ends), shape=(len(rows), width)), found


def _write_varint(number):
    written = bytearray()
    while number >= 0x80:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(written) + bytes([number])


def _message(number, content):
    return _write_varint(number << 3 | 2) + _write_varint(len(content)) + content


def write_records(records, field=LABEL):
    """RecordIO of records, each a mapping from key to numbers, which become float32 tensors of its labels (or features)."""
    import numpy as np

    written = []
    for record in records:
        content = b""
        for key, numbers in record.items():
            values = np.atleast_1d(np.asarray(numbers, dtype="<f4")).tobytes()
            tensor = _message(2, _message(VALUES, values))
            content += _message(field, _message(1, key.encode()) + _message(2, tensor))
        written.append(struct.pack("<II", MAGIC, len(content)) + content + b"\0" * (-len(content) % 4))
    return b"".join(written)
