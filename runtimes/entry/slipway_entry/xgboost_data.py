"""Channels of the built-in XGBoost algorithm: what they may be called and contain, and reading them."""
import csv
import logging
import os
import shutil
import stat
import tempfile

from .faults import UserError
from .recordio import parse_records

CSV_TYPES = ("csv", "text/csv")
LIBSVM_TYPES = ("libsvm", "text/libsvm", "text/x-libsvm")
PARQUET_TYPES = ("parquet", "application/x-parquet")
RECORDIO_TYPES = ("recordio-protobuf", "application/x-recordio-protobuf")
#: In the order messages list them.
CONTENT_TYPES = ("csv", "libsvm", "parquet", "recordio-protobuf", "text/csv", "text/libsvm", "text/x-libsvm",
                 "application/x-parquet", "application/x-recordio-protobuf")
FOLDER_DEPTH_MAX = 3


def media_type(text):
    """`text/csv; label_size=1` as (`text/csv`, {`label_size`: `1`}), lower case."""
    kind, *parts = (part.strip() for part in text.lower().split(";"))
    parameters = dict((part.split("=", 1) + [""])[:2] for part in parts if part)
    return kind, {name.strip(): value.strip().strip('"') for name, value in parameters.items()}


def content_family(text):
    """`csv`, `libsvm`, `parquet` or `recordio-protobuf`; libsvm when nothing is said."""
    if text is None:
        return "libsvm"
    kind, parameters = media_type(text)
    if kind in CSV_TYPES:
        if parameters.get("label_size", "1") != "1":
            raise UserError(f"{text} is not an accepted csv ContentType. Optional parameter label_size must be equal to 1")
        return "csv"
    for family, kinds in (("libsvm", LIBSVM_TYPES), ("parquet", PARQUET_TYPES), ("recordio-protobuf", RECORDIO_TYPES)):
        if kind in kinds:
            return family
    raise UserError(f"{text} is not an accepted ContentType: {', '.join(CONTENT_TYPES)}.")


def validate_channels(profile, channels):
    """Checks `inputdataconfig.json`; returns the content family of the train channel."""
    if "train" not in channels:
        raise UserError("Missing required channel: train")
    for name, config in channels.items():
        if name not in ("train", "validation", "code"):
            raise UserError(f"Extraneous channel found: {name}")
        config = dict(config, ContentType=config.get("ContentType") or "text/libsvm")
        kind, _ = media_type(config["ContentType"])
        if kind not in (CONTENT_TYPES if name != "code" else ("text/python", "text/libsvm")):
            raise UserError(f"Channel configuration for '{name}' channel is not supported: {config}")
        if config.get("TrainingInputMode") == "Pipe":
            _check_pipe(profile, name, content_family(config["ContentType"]))
    return content_family(channels["train"].get("ContentType"))


def _check_pipe(profile, name, family):
    """Older images read some forms from pipes; the newest reads none."""
    if profile.since("3.0-5"):
        raise UserError(f"Pipe mode of channel {name} is not supported by this image. Please use Fast File mode instead.")
    if family not in ("csv", "recordio-protobuf"):
        raise UserError(f"Pipe mode of channel {name} is not supported for {family} data. Please use Fast File mode instead.")


def channel_path(files, name, channels):
    """Where a channel's data is: its folder, or the pipe of its first epoch."""
    path = files.channel(name)
    return f"{path}_0" if channels[name].get("TrainingInputMode") == "Pipe" else path


def data_files(path):
    """Data files below `path`, at most three folders deep, sorted. A hidden file is an error: it is seldom meant as data."""
    if os.path.exists(path) and not os.path.isdir(path):
        return [path]
    found = []
    for folder, names, files in os.walk(path):
        names.sort()
        depth = os.path.relpath(folder, path).count(os.sep) + (folder != path) + 1
        if any(name.startswith(".") for name in files):
            raise UserError("Hidden file found in the data path! Remove that before training.")
        if depth > FOLDER_DEPTH_MAX:
            if files:
                logging.warning("The depth of folder %s exceed the limit %d. Files in deeper sub dirs won't be loaded.", path, FOLDER_DEPTH_MAX)
            names.clear()
            continue
        found += [os.path.join(folder, name) for name in sorted(files) if not name.startswith("_")]
    return [file for file in found if os.path.isfile(file)]


def warn_of_duplicates(train_path, validation_path):
    """Same name and size in both channels is a likely mistake: the score would be worthless."""
    def sizes(path):
        return {os.path.basename(file): os.path.getsize(file) for file in data_files(path)}

    validation = sizes(validation_path)
    for name, size in sizes(train_path).items():
        if validation.get(name) == size:
            logging.warning(
                "Suspected identical files found. (%s and %s with same size %d bytes). Duplicate data in the training set and "
                "validation set is usually not intentional.", os.path.join(train_path, name), os.path.join(validation_path, name), size)


class Table:
    """Labels, optional weights and features (dense array or sparse matrix) of a channel."""

    def __init__(self, labels, weights, features, one_based=False):
        self.labels, self.weights, self.features, self.one_based = labels, weights, features, one_based

    @property
    def width(self):
        return self.features.shape[1]


    def rows(self, numbers):
        """The table of some of its rows."""
        return Table(self.labels[numbers], None if self.weights is None else self.weights[numbers], self.features[numbers], self.one_based)


def joined(first, second):
    """The rows of both tables; the first one's alone when there is no second."""
    import numpy as np
    from scipy.sparse import issparse, vstack

    if second is None:
        return first
    labels = np.concatenate([first.labels, second.labels])
    weights = None
    if first.weights is not None or second.weights is not None:
        weights = np.concatenate([np.ones_like(table.labels) if table.weights is None else table.weights for table in (first, second)])
    if issparse(first.features):
        width = max(first.width, second.width)
        features = vstack([_resized(table.features, width) for table in (first, second)], "csr")
    elif first.width != second.width:
        raise UserError(f"The validation channel has {second.width} feature columns and the train channel {first.width}; they must be equal.")
    else:
        features = np.concatenate([first.features, second.features])
    return Table(labels, weights, features, first.one_based and second.one_based)


def read_channel(path, family, csv_weights=0):
    """The channel's Table; None when it holds no data file or only empty ones."""
    if os.path.exists(path) and stat.S_ISFIFO(os.stat(path).st_mode):
        return _read_pipe(path, family, csv_weights)
    files = [file for file in data_files(path) if os.path.getsize(file) > 0] if os.path.exists(path) else []
    if not files:
        return None
    table = _read_csv(files, csv_weights) if family == "csv" else READERS[family](files)
    if table.labels.size == 0:
        raise UserError("Got input data without labels. Please check the input data set.")
    return table


def _read_pipe(path, family, csv_weights):
    """A pipe can be read once and readers look twice."""
    with tempfile.NamedTemporaryFile() as copy:
        with open(path, "rb") as pipe:
            shutil.copyfileobj(pipe, copy)
        copy.flush()
        return read_channel(copy.name, family, csv_weights)


def sniff_delimiter(line):
    try:
        delimiter = csv.Sniffer().sniff(line).delimiter
    except csv.Error as error:
        raise UserError(f"Could not determine delimiter on line {line[:50]}:\n{error}") from error
    logging.info("Determined delimiter of CSV input is '%s'", delimiter)
    return delimiter


def _first_line(path):
    with open(path, encoding="utf-8", errors="ignore") as file:
        return file.readline()


def _read_csv(files, csv_weights):
    import numpy as np
    import pandas as pd

    delimiters = [sniff_delimiter(_first_line(file)) for file in files]
    try:
        frames = [
            pd.read_csv(file, header=None, sep=delimiters[0], dtype=np.float32, float_precision="round_trip").to_numpy() for file in files
        ]
        values = frames[0] if len(frames) == 1 else np.concatenate(frames)
    except Exception as error:
        raise UserError(f"Failed to load csv data with exception:\n{error}") from error
    start = 2 if csv_weights else 1
    if values.shape[1] <= start:
        raise UserError(f"Failed to load csv data with exception:\n{values.shape[1]} columns leave no feature after the label")
    if np.isnan(values[:, 0]).any():
        row = int(np.flatnonzero(np.isnan(values[:, 0]))[0]) + 1
        raise UserError(f"Failed to load csv data with exception:\nthe label (first column) of row {row} is missing")
    return Table(values[:, 0], values[:, 1] if csv_weights else None, np.ascontiguousarray(values[:, start:]))


def read_libsvm(files):
    """`label[:weight] index:value …` of each line; `qid:` and comments are passed over."""
    import numpy as np
    from scipy.sparse import csr_matrix

    labels, weights, values, columns, ends = [], [], [], [], [0]
    for path in files:
        with open(path, encoding="utf-8", errors="ignore") as file:
            for line in file:
                items = line.split("#", 1)[0].split()
                if not items:
                    continue
                try:
                    label, _, weight = items[0].partition(":")
                    labels.append(float(label))
                    weights.append(float(weight) if weight else 1.0)
                    for item in items[1:]:
                        index, _, value = item.partition(":")
                        if index != "qid":
                            columns.append(int(index))
                            values.append(float(value))
                except ValueError:
                    raise UserError(
                        f"First line '{line[:50].rstrip()}...' of file '{os.path.basename(path)}' is not 'LIBSVM' format. "
                        "Please ensure the file is in 'LIBSVM' format.") from None
                ends.append(len(columns))
    if columns and min(columns) < 0:
        raise UserError("Failed to load libsvm data with exception:\na feature index is negative")
    width = max(columns, default=0) + 1
    features = csr_matrix((np.array(values, np.float32), np.array(columns, np.int64), np.array(ends)), shape=(len(labels), width))
    weighted = any(weight != 1.0 for weight in weights)
    one_based = bool(columns) and min(columns) >= 1
    return Table(np.array(labels, np.float32), np.array(weights, np.float32) if weighted else None, features, one_based)


def read_parquet(files):
    """Columns in their order, the label first."""
    import numpy as np
    import pyarrow
    import pyarrow.parquet

    try:
        tables = [pyarrow.parquet.read_table(file) for file in files]
        frames = [np.column_stack([column.to_numpy().astype(np.float32) for column in table.columns]) for table in tables]
        values = np.concatenate(frames)
    except (pyarrow.ArrowException, ValueError, TypeError, OSError) as error:
        raise UserError(f"Failed to load parquet data with exception:\n{error}") from error
    if values.shape[1] < 2:
        raise UserError(f"Failed to load parquet data with exception:\n{values.shape[1]} columns leave no feature after the label")
    return _labelled(values[:, 0], np.ascontiguousarray(values[:, 1:]), "parquet")


def read_recordio(files):
    """Amazon Record messages; every record has a label."""
    import numpy as np
    from scipy.sparse import issparse, vstack

    parts = []
    for path in files:
        try:
            with open(path, "rb") as file:
                parts.append(parse_records(file.read()))
        except ValueError as error:
            raise UserError(f"Failed to load recordio-protobuf data with exception:\n{os.path.basename(path)}: {error}") from error
    if any(labels is None for _, labels in parts):
        return Table(np.empty(0, np.float32), None, parts[0][0])
    features = [part for part, _ in parts]
    if any(issparse(part) for part in features):
        width = max(part.shape[1] for part in features)
        features = [_resized(part, width) for part in features]
    elif len({part.shape[1] for part in features}) > 1:
        raise UserError("Failed to load recordio-protobuf data with exception:\nthe files have different numbers of features")
    labels = np.concatenate([part for _, part in parts])
    return _labelled(labels, vstack(features, "csr") if issparse(features[0]) else np.concatenate(features), "recordio-protobuf")


def _resized(part, width):
    from scipy.sparse import csr_matrix

    matrix = csr_matrix(part)
    matrix.resize(matrix.shape[0], width)
    return matrix


def _labelled(labels, features, family):
    import numpy as np

    if np.isnan(labels).any():
        row = int(np.flatnonzero(np.isnan(labels))[0]) + 1
        raise UserError(f"Failed to load {family} data with exception:\nthe label of row {row} is missing")
    return Table(labels, None, features)


READERS = {"libsvm": read_libsvm, "parquet": read_parquet, "recordio-protobuf": read_recordio}
