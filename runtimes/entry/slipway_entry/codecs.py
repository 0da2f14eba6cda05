"""Default encodings of script-mode model servers: JSON, CSV, NPY (and NPZ as input)."""
import io
import json

JSON, CSV, NPY, NPZ = "application/json", "text/csv", "application/x-npy", "application/x-npz"


class UnsupportedFormat(Exception):
    def __init__(self, content_type):
        super().__init__(
            f"Content type {content_type} is not supported by this framework. Please implement input_fn to to deserialize the "
            "request data or an output_fn to serialize the response."
        )


def bare(content_type):
    """`text/csv; charset=utf-8` as `text/csv`."""
    return content_type.split(";")[0].strip().lower()


def decode(body, content_type):
    """A numpy array (scipy matrix for NPZ) of a request body; text for JSON and CSV, bytes otherwise."""
    import numpy as np

    kind = bare(content_type)
    if kind == JSON:
        return np.array(json.loads(body))
    if kind == CSV:
        return np.genfromtxt(io.StringIO(body), dtype=np.float32, delimiter=",")
    if kind == NPY:
        return np.load(io.BytesIO(body), allow_pickle=True)
    if kind == NPZ:
        import scipy.sparse

        return scipy.sparse.load_npz(io.BytesIO(body))
    raise UnsupportedFormat(content_type)


def encode(prediction, accept):
    """The prediction in the accepted form, as bytes."""
    import numpy as np

    kind = bare(accept)
    if kind == JSON:
        return json.dumps(prediction, default=_plain).encode()
    if kind == CSV:
        stream = io.StringIO()
        np.savetxt(stream, prediction, delimiter=",", fmt="%s")
        return stream.getvalue().encode()
    if kind == NPY:
        buffer = io.BytesIO()
        np.save(buffer, prediction)
        return buffer.getvalue()
    raise UnsupportedFormat(accept)


def _plain(value):
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def encode_with_type(prediction, accept):
    """For the first accepted type that can be written: the body and that type."""
    for kind in accept.split(","):
        if bare(kind) in (JSON, CSV, NPY):
            return encode(prediction, kind), bare(kind)
    raise UnsupportedFormat(accept)
