"""Bodies of requests as a DMatrix, for an `input_fn` of one's own."""
from slipway_entry.xgboost_scoring import parse_matrix


def csv_to_dmatrix(body, dtype=None):
    """A DMatrix of CSV rows without label (text or bytes). `dtype` is accepted and changes nothing: values are 32 bit floats."""
    return parse_matrix(_text(body), "text/csv")


def libsvm_to_dmatrix(body):
    """A DMatrix of libsvm rows (text or bytes)."""
    return parse_matrix(_text(body), "text/libsvm")


def decode(body, content_type):
    """A DMatrix of a csv or libsvm body. Raises UserError for other content types."""
    return parse_matrix(_text(body), content_type)


def _text(body):
    return body if isinstance(body, str) else bytes(body).decode("utf-8")
