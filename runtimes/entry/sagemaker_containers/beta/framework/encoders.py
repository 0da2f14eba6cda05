"""Arrays as bodies and back, for JSON, CSV and NPY."""
from slipway_entry import codecs

from . import content_types


def encode(array_like, content_type):
    """The body of an array: text for JSON and CSV, bytes for NPY. Raises UnsupportedFormat for other content types."""
    body = codecs.encode(array_like, content_type)
    return body.decode("utf-8") if codecs.bare(content_type) in content_types.UTF8_TYPES else body


def decode(body, content_type):
    """The numpy array of a body. Raises UnsupportedFormat for other content types."""
    if isinstance(body, (bytes, bytearray)) and codecs.bare(content_type) in content_types.UTF8_TYPES:
        body = bytes(body).decode("utf-8")
    return codecs.decode(body, content_type)


def array_to_json(array_like):
    return encode(array_like, content_types.JSON)


def json_to_numpy(text, dtype=None):
    array = decode(text, content_types.JSON)
    return array if dtype is None else array.astype(dtype)


def array_to_csv(array_like):
    return encode(array_like, content_types.CSV)


def csv_to_numpy(text, dtype=None):
    array = decode(text, content_types.CSV)
    return array if dtype is None else array.astype(dtype)


def array_to_npy(array_like):
    return encode(array_like, content_types.NPY)


def npy_to_numpy(body):
    return decode(body, content_types.NPY)
