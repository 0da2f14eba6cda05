"""Splitting an input into records, and records into batches that are sent together. Streams: one batch at a time."""
import gzip
import re
import struct
import zlib
from contextlib import contextmanager
from dataclasses import dataclass

MIB = 1024**2
#: Memory stays bounded also where the payload is not (MaxPayloadInMB 0): a record, or a payload of many, is no larger.
UNLIMITED_BYTES_MAX = 100 * MIB
#: Each record that is looked into takes some hundred bytes beside its own.
RECORDS_MAX = 100_000
RECORDIO_MAGIC = 0xCED7230A


class BadInput(Exception):
    """The file cannot be transformed; the message says which record and why."""


@dataclass(slots=True)
class Record:
    """One record. `number` counts records from 1, `line` lines of the file (0 where there are none)."""

    #: As it is sent.
    payload: bytes
    number: int
    line: int = 0
    #: As it stood in the file, for the join; the payload may be filtered.
    source: bytes = b""

    @property
    def place(self):
        return f"line {self.line}" if self.line else f"record {self.number}"


class Batch:
    """Records that are sent together."""

    def __init__(self, records, separator):
        self.records, self.separator = records, separator
        self.count = len(records)

    @property
    def body(self):
        return self.separator.join(record.payload for record in self.records)

    def halves(self):
        middle = self.count // 2
        return Batch(self.records[:middle], self.separator), Batch(self.records[middle:], self.separator)

    @property
    def place(self):
        """Where it stands in the file, for messages; nothing to say of a file that is one record."""
        first, last = self.records[0], self.records[-1]
        if first is last:
            return "" if first.number == 1 and not first.line else f"{first.place}: "
        return f"lines {first.line} to {last.line}: " if first.line else f"records {first.number} to {last.number}: "


class LineBatch:
    """Lines as they lie in the file, without an object for each. No line break at the end."""

    def __init__(self, body, first_line):
        self.body, self.line = body, first_line
        self.count = body.count(b"\n") + 1

    def halves(self):
        cut = self.body.find(b"\n", len(self.body) // 2)
        cut = cut if cut >= 0 else self.body.rfind(b"\n")
        first = LineBatch(self.body[:cut], self.line)
        return first, LineBatch(self.body[cut + 1:], self.line + first.count)

    @property
    def place(self):
        return f"line {self.line}: " if self.count == 1 else f"lines {self.line} to {self.line + self.count - 1}: "


class WholeFile:
    """A file that is read only while it is sent, in chunks."""

    count, place = 1, ""

    def __init__(self, path, compressed):
        self.path, self.compressed = path, compressed

    def chunks(self):
        with open_input(self.path, self.compressed) as stream:
            while chunk := stream.read(MIB):
                yield chunk


@contextmanager
def open_input(path, compressed):
    """A readable stream of the file's content; damaged compression is the file's fault."""
    if not compressed:
        with open(path, "rb") as stream:
            yield stream
        return
    try:
        with gzip.open(path, "rb") as stream:
            yield stream
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadInput(f"it cannot be decompressed as gzip: {error}") from None


def lines_of(stream, record_bytes_max):
    """Records that are lines. Empty lines are none; the line break belongs to no record."""
    number = position = 0
    while True:
        # two more than allowed: a line break of either kind is not counted
        raw = stream.readline(record_bytes_max + 2)
        if not raw:
            return
        position += 1
        text = raw.rstrip(b"\r\n") if raw.endswith(b"\n") else raw
        if len(text) > record_bytes_max:
            raise BadInput(f"line {position} is longer than the payload limit of {_size(record_bytes_max)}")
        if text.strip() == b"":
            continue
        number += 1
        yield Record(text, number, position, text)


def recordio_of(stream, record_bytes_max, framed):
    """MXNet RecordIO: a record of several parts is one. `framed`: headers and padding stay, as payloads of many need them."""
    number = 0
    frames, parts = [], []
    while head := stream.read(8):
        if len(head) < 8:
            raise BadInput(f"record {number + 1}: the file ends within a RecordIO header")
        magic, flag_and_length = struct.unpack("<II", head)
        if magic != RECORDIO_MAGIC:
            raise BadInput(f"record {number + 1} does not begin as a RecordIO record does")
        flag, length = flag_and_length >> 29, flag_and_length & 0x1FFFFFFF
        # the limit is for what is sent: with the headers and padding of its parts where these are sent
        held = sum(map(len, frames if framed else parts))
        overhead = 8 + -length % 4 if framed else 0
        if held + overhead + length > record_bytes_max:
            raise BadInput(f"record {number + 1} is larger than the payload limit of {_size(record_bytes_max)}")
        data = _exactly(stream, length + -length % 4, number + 1)
        frames.append(head + data)
        parts.append(data[:length])
        if (flag in (0, 1) and len(frames) > 1) or (flag in (2, 3) and len(frames) == 1):
            raise BadInput(f"record {number + 1}: the parts of a RecordIO record are out of order")
        if flag in (0, 3):
            number += 1
            # parts were cut at the magic number, which stands for itself there
            whole = b"".join(frames) if framed else struct.pack("<I", RECORDIO_MAGIC).join(parts)
            yield Record(whole, number)
            frames, parts = [], []
    if frames:
        raise BadInput(f"record {number + 1}: the file ends within a RecordIO record of several parts")


def tfrecords_of(stream, record_bytes_max, framed):
    """TFRecord: length, its checksum, content, its checksum. Checksums are the reader's to verify."""
    number = 0
    while head := stream.read(12):
        if len(head) < 12:
            raise BadInput(f"record {number + 1}: the file ends within a TFRecord header")
        (length,) = struct.unpack("<Q", head[:8])
        if length + (16 if framed else 0) > record_bytes_max:
            raise BadInput(f"record {number + 1} is larger than the payload limit of {_size(record_bytes_max)}, or the file is no TFRecord file")
        data = _exactly(stream, length + 4, number + 1)
        number += 1
        yield Record(head + data if framed else data[:-4], number)


def _exactly(stream, length, number):
    data = stream.read(length)
    if len(data) < length:
        raise BadInput(f"record {number}: the file ends within it")
    return data


def records_of(stream, split, record_bytes_max, single):
    """The records of a file by its SplitType; a binary record sent alone loses its wrapping."""
    if split == "Line":
        return lines_of(stream, record_bytes_max)
    if split == "RecordIO":
        return recordio_of(stream, record_bytes_max, framed=not single)
    if split == "TFRecord":
        return tfrecords_of(stream, record_bytes_max, framed=not single)
    return whole_of(stream, record_bytes_max)


def whole_of(stream, record_bytes_max):
    """Without a split the file is the one record; an empty file has none."""
    content = stream.read(record_bytes_max + 1)
    if len(content) > record_bytes_max:
        raise BadInput(f"the file is larger than the payload limit of {_size(record_bytes_max)}; split it (SplitType), or raise MaxPayloadInMB")
    if content:
        yield Record(content, 1, 0, content)


def batches_of(records, separator, payload_bytes_max, single):
    """As many records as fit into a payload (and a hundred thousand at most), or one each."""
    batch, size = [], 0
    for record in records:
        more = len(record.payload) + (len(separator) if batch else 0)
        if batch and (single or size + more > payload_bytes_max or len(batch) == RECORDS_MAX):
            yield Batch(batch, separator)
            batch, size = [], 0
            more = len(record.payload)
        batch.append(record)
        size += more
    if batch:
        yield Batch(batch, separator)


BLANK_LINE = re.compile(rb"(?:^|\n)[ \t\r]*(?:\n|$)")


def line_batches_of(stream, payload_bytes_max):
    """As `batches_of(lines_of(…))` for lines that nobody looks into: cut by the block, not by the line."""
    line, rest = 1, b""
    while True:
        block = rest + stream.read(payload_bytes_max + 2 - len(rest))
        if not block:
            return
        last = len(block) < payload_bytes_max + 2
        body, rest = _cut(block, payload_bytes_max, last, line)
        lines = body.count(b"\n") + (0 if body.endswith(b"\n") else 1)
        yield from _without_blank_lines(body.rstrip(b"\r\n") if body.endswith(b"\n") else body, line)
        line += lines


def _cut(block, payload_bytes_max, last, line):
    """Whole lines that fit, and what is left of the block."""
    if last and len(block.rstrip(b"\r\n")) <= payload_bytes_max:
        return block, b""
    end = block.rfind(b"\n", 0, payload_bytes_max + 2)
    # the line that ends there fits with all before it; its break is not sent
    if end >= 0 and len(block[:end].rstrip(b"\r")) > payload_bytes_max:
        end = block.rfind(b"\n", 0, end)
    if end < 0:
        raise BadInput(f"line {line} is longer than the payload limit of {_size(payload_bytes_max)}")
    return block[: end + 1], block[end + 1:]


def _without_blank_lines(body, line):
    if not BLANK_LINE.search(body):
        yield LineBatch(body, line)
        return
    # in pieces, so that lines keep their numbers
    lines = body.split(b"\n")
    start = 0
    while start < len(lines):
        end = start
        while end < len(lines) and lines[end].strip():
            end += 1
        if end > start:
            yield LineBatch(b"\n".join(lines[start:end]), line + start)
        start = end + 1


def _size(size_bytes):
    return f"{size_bytes // MIB} MB" if size_bytes % MIB == 0 else f"{size_bytes} bytes"
