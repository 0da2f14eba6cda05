"""`SAGEMAKER_INFERENCE_OUTPUT`: chosen parts of a prediction instead of the bare score."""
import json
import math

from .recordio import write_records

_REGRESSION = ("predicted_score",)
_LABELS = ("predicted_label", "labels")
_PROBABILITIES = ("probability", "probabilities")
_SCORES = ("raw_score", "raw_scores")
#: What each objective can give; anything else asked for becomes NaN.
AVAILABLE = {
    "reg:squarederror": _REGRESSION, "reg:logistic": _REGRESSION, "reg:gamma": _REGRESSION, "reg:absoluteerror": _REGRESSION,
    "reg:tweedie": _REGRESSION, "binary:logistic": _LABELS + _PROBABILITIES + _SCORES, "binary:logitraw": _LABELS + _SCORES,
    "binary:hinge": _LABELS + _SCORES, "multi:softmax": _LABELS + _SCORES, "multi:softprob": _LABELS + _PROBABILITIES + _SCORES,
}


def selected_keys(setting):
    """The keys of the environment variable, in order; empty when it is not set."""
    return setting.replace(" ", "").lower().split(",") if setting else []


def select(predictions, keys, objective, num_class):
    """A dictionary per prediction. Raises ValueError for an objective without selectable output."""
    if objective not in AVAILABLE:
        raise ValueError(f"Objective `{objective}` unsupported for selectable inference predictions.")
    return [{key: _part(key, value, objective, num_class) for key in keys} for value in predictions]


def _part(key, value, objective, num_class):
    if key not in AVAILABLE[objective]:
        return math.nan
    if key == "predicted_score":
        return value.item()
    if key == "labels":
        return [0, 1] if objective.startswith("binary:") else list(range(int(num_class)))
    if key == "predicted_label":
        return _label(value, objective)
    if objective == "multi:softprob":
        return value.tolist() if key in ("probabilities", "raw_scores") else max(value).item()
    score = value.item()
    return [1.0 - score, score] if key in ("probabilities", "raw_scores") else score


def _label(value, objective):
    if objective == "multi:softprob":
        return int(value.argmax())
    if objective == "binary:logistic":
        return int(value > 0.5)
    return int(value > 0) if objective == "binary:logitraw" else value.item()


def encode(chosen, keys, accept):
    """JSON `{"predictions": […]}`, one JSON object per line, CSV in the order asked for with lists quoted, or a Record each."""
    if accept == "application/json":
        return json.dumps({"predictions": chosen}).encode()
    if accept == "application/jsonlines":
        return "".join(json.dumps(entry) + "\n" for entry in chosen).encode()
    if accept == "text/csv":
        return "\n".join(",".join(f'"{entry[key]}"' if isinstance(entry[key], list) else str(entry[key]) for key in keys) for entry in chosen).encode()
    if accept == "application/x-recordio-protobuf":
        return write_records(chosen)
    raise ValueError(f"Accept type {accept} is not supported yet for selectable inference.")
