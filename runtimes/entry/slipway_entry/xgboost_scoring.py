"""The built-in XGBoost model server: AWS's answers, status codes and texts, from one row to a payload."""
import csv
import json
import os
import pickle
import re
import traceback

from . import selectable_output
from .faults import UserError
from .http_server import Response
from .recordio import parse_records
from .xgboost_data import content_family, media_type
from .xgboost_training import ONE_BASED

SUPPORTED_ACCEPTS = ["application/json", "application/jsonlines", "application/x-recordio-protobuf", "text/csv"]
#: A line of plain numbers and commas needs no guessing at its delimiter, which costs more than the prediction.
PLAIN_ROW = re.compile(r"[0-9eE+\-., \tnaNiInfF]*,[0-9eE+\-., \tnaNiInfF]*")
PLAIN_NUMBER = re.compile(r"[0-9eE+\-.]+|[nN]a[nN]")


def delimiter_of(line):
    """The delimiter of a request's first line."""
    line = line[:512]
    if PLAIN_ROW.fullmatch(line) or PLAIN_NUMBER.fullmatch(line):
        return ","
    sniffed = csv.Sniffer().sniff(line).delimiter
    return "," if sniffed.isalnum() else sniffed


def parse_csv(text):
    """A float32 array of the rows; an empty field is a missing value."""
    import numpy as np

    lines = text.strip().split("\n")
    delimiter = delimiter_of(lines[0])
    rows = [[float(field) if field else np.nan for field in line.rstrip("\r").split(delimiter)] for line in lines]
    width = len(rows[0])
    if any(len(row) != width for row in rows):
        raise ValueError(f"the rows have different numbers of columns: {sorted({len(row) for row in rows})}")
    return np.array(rows, dtype=np.float32)


def parse_libsvm(text, shift):
    """A sparse matrix of `[label] index:value …` rows. `shift`: indices that all begin at 1 count from 1."""
    import numpy as np
    from scipy.sparse import csr_matrix

    rows, columns, values = [], [], []
    lines = text.strip().split("\n")
    for number, line in enumerate(lines):
        for item in line.split():
            index, colon, value = item.partition(":")
            if colon:
                rows.append(number)
                columns.append(int(index))
                values.append(float(value))
    if shift and columns and min(columns) >= 1:
        columns = [column - 1 for column in columns]
    shape = (len(lines), max(columns, default=0) + 1)
    return csr_matrix((np.array(values, np.float32), (rows, columns)), shape=shape)


def parse_matrix(text, content_type):
    """A DMatrix of a csv or libsvm body, for scripts that leave `input_fn` to us."""
    import xgboost

    family = content_family(content_type)
    if family not in ("csv", "libsvm"):
        raise UserError(f"Content-type {content_type} is not supported.")
    return xgboost.DMatrix(parse_csv(text) if family == "csv" else parse_libsvm(text, shift=True))


def load_boosters(folder, ensemble):
    """`(Booster, "pickle" | "native")` of the model files, pickle tried first. All of them when `ensemble`, else the first."""
    names = sorted(name for name in os.listdir(folder) if os.path.isfile(os.path.join(folder, name)))
    if any(name.startswith(".") for name in names):
        raise UserError(f"Hidden file in the model archive: {next(name for name in names if name.startswith('.'))} - please exclude dotfiles from model archives")
    if not names:
        raise UserError(f"The model folder {folder} holds no model file. The built-in XGBoost server expects xgboost-model.")
    return [_load_booster(os.path.join(folder, name)) for name in (names if ensemble else names[:1])]


def _load_booster(path):
    import xgboost

    try:
        with open(path, "rb") as file:
            booster = pickle.load(file)
        kind = "pickle"
        booster = booster.get_booster() if hasattr(booster, "get_booster") else booster
    except Exception as pickle_error:  # noqa: BLE001 - a file that is no pickle raises almost anything
        try:
            with open(path, "rb") as file:
                booster = xgboost.Booster(model_file=bytearray(file.read()))
            kind = "native"
        except Exception as native_error:
            raise UserError(
                f"Model {path} cannot be loaded:\nPickle load error={pickle_error}\nXGB load model error={native_error}") from native_error
    booster.set_param({"nthread": 1})
    return booster, kind


class Scorer:
    """Predictions of one Booster on parsed requests."""

    def __init__(self, booster, kind):
        self.booster, self.kind = booster, kind
        self.width = booster.num_features()
        config = json.loads(booster.save_config())["learner"]
        self.objective = config["objective"]["name"]
        self.num_class = config["learner_model_param"].get("num_class", "")
        self.in_place = config["gradient_booster"]["name"] != "gblinear"

    def predict(self, data, family):
        """`data`: array of csv rows or sparse matrix of libsvm rows. Raises ValueError on a width the image refuses."""
        import numpy as np
        import xgboost

        width = data.shape[1]
        if self.kind == "pickle":
            self._check_width(width, family)
        if family == "csv" and self.in_place and width <= self.width:
            if width < self.width:
                padded = np.full((data.shape[0], self.width), np.nan, dtype=np.float32)
                padded[:, :width] = data
                data = padded
            return self.booster.inplace_predict(data, validate_features=False)
        if family == "libsvm" and width < self.width:
            data.resize(data.shape[0], self.width)
        return self.booster.predict(xgboost.DMatrix(data), validate_features=False)

    def _check_width(self, width, family):
        """Pickled models know no missing columns; one column less than trained on is let through, as AWS's check does."""
        if family == "libsvm" and width > self.width + 1:
            raise ValueError(f"Feature size of libsvm inference data {width} is larger than feature size of trained model {self.width}.")
        if family == "csv" and width not in (self.width, self.width - 1):
            raise ValueError(f"Feature size of csv inference data {width} is not consistent with feature size of trained model {self.width}.")


class XgboostApplication:
    """Answers `/invocations` of a built-in model. `batch`: the platform runs a batch transform."""

    #: Some hundred rows: predicted in less time than a ping may wait.
    quick_bytes = 16 * 1024

    def __init__(self, profile, model_folder, body_bytes_max, batch=None):
        self.profile = profile
        self.batch = bool(os.environ.get("SAGEMAKER_BATCH")) if batch is None else batch
        self.body_bytes_max = body_bytes_max
        self.selected = selectable_output.selected_keys(os.environ.get("SAGEMAKER_INFERENCE_OUTPUT"))
        self.default_accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT") or "text/csv"
        ensemble = profile.ensemble and os.environ.get("SAGEMAKER_INFERENCE_ENSEMBLE", "true") == "true"
        self.scorers = [Scorer(booster, kind) for booster, kind in load_boosters(model_folder, ensemble)]
        first = self.scorers[0]
        # Newer images count libsvm indices that begin at 1 from 1, unless the model was itself trained on such a file as it was.
        self.shift = profile.since("3.0-5") and first.booster.attr(ONE_BASED) is None

    def ping(self):
        return Response(200)

    def execution_parameters(self):
        parameters = {
            "MaxConcurrentTransforms": len(os.sched_getaffinity(0)), "BatchStrategy": "MULTI_RECORD",
            "MaxPayloadInMB": self.body_bytes_max // 1024**2,
        }
        return Response(200, json.dumps(parameters).encode(), "application/json")

    def invoke(self, request):
        if not request.body:
            return Response(204)
        try:
            data, family = self._parse(request.body, request.headers.get("content-type"))
        except Exception as error:  # noqa: BLE001 - whatever the body is, the answer is 415 with the reason
            return _text(415, str(error))
        try:
            predictions = self._predict(data, family)
        except Exception as error:  # noqa: BLE001
            traceback.print_exc()
            return _text(400, f"Unable to evaluate payload provided: {error}")
        if self.profile.answers == "comma" and not self.selected:
            separator, end = ("\n", "\n") if self.batch else (",", "")
            return Response(200, (separator.join(map(str, predictions.tolist())) + end).encode(), "text/csv; charset=utf-8")
        try:
            accept = self._accept(request.headers.get("accept", ""))
        except ValueError as error:
            return _text(406, str(error))
        return self._selected(predictions, accept) if self.selected else self._encode(predictions.tolist(), accept)

    def _parse(self, body, content_type):
        family = content_family(content_type)
        if family == "parquet":
            raise UserError(f"Content-type {content_type} is not supported.")
        try:
            if family == "recordio-protobuf":
                from scipy.sparse import issparse

                features, _ = parse_records(body)
                return features, "libsvm" if issparse(features) else "csv"
            text = body.decode("utf-8")
            return (parse_csv(text) if family == "csv" else parse_libsvm(text, self.shift)), family
        except Exception as error:
            raise UserError(
                f"Loading {family} data failed with Exception, please ensure data is in {family} format:\n {type(error)}\n {error}") from error

    def _predict(self, data, family):
        if len(self.scorers) == 1:
            return self.scorers[0].predict(data, family)
        import numpy as np

        votes = np.array([scorer.predict(data.copy(), family) for scorer in self.scorers])
        if self.scorers[0].objective in ("multi:softmax", "binary:hinge"):
            # The label most models name; the lowest when several tie.
            return np.apply_along_axis(lambda column: np.bincount(column.astype(int)).argmax(), 0, votes).astype(float)
        return votes.mean(axis=0)

    def _accept(self, header):
        accept = media_type(header)[0] if header else ""
        if accept in ("", "*/*"):
            return self.default_accept
        if accept not in SUPPORTED_ACCEPTS:
            raise ValueError(f"Accept type {header.split(';')[0].strip()} is not supported. Please use supported accept types: {SUPPORTED_ACCEPTS}.")
        return accept

    def _encode(self, predictions, accept):
        if self.batch:
            return Response(200, ("\n".join(map(str, predictions)) + "\n").encode(), _with_charset(accept))
        if accept == "application/json":
            return Response(200, json.dumps({"predictions": [{"score": score} for score in predictions]}).encode(), accept)
        if accept == "text/csv":
            rows = [",".join(map(str, row)) if isinstance(row, list) else str(row) for row in predictions]
            return Response(200, ("\n".join(rows) + "\n").encode(), "text/csv; charset=utf-8")
        return _text(500, f"Content type {accept} is not supported by this framework.")

    def _selected(self, predictions, accept):
        scorer = self.scorers[0]
        try:
            chosen = selectable_output.select(predictions, self.selected, scorer.objective, scorer.num_class)
            return Response(200, selectable_output.encode(chosen, self.selected, accept), _with_charset(accept))
        except ValueError as error:
            return _text(500, str(error))


def _with_charset(content_type):
    return f"{content_type}; charset=utf-8" if content_type.startswith("text/") else content_type


def _text(status, message):
    return Response(status, message.encode(), "text/html; charset=utf-8")
