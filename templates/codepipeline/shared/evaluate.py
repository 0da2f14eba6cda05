"""Evaluate: scores held-out rows with a model and writes evaluation.json, which gates and the model registry read.

compare_with_production.py runs this file too, on the model in production: keep its three options when you make it yours.
"""

import argparse
import json
import math
import pathlib
import tarfile


def metrics_of(labels, scores):
    """Accuracy at 0.5, area under the ROC curve (ties count half) and mean log loss."""
    hits = sum((score > 0.5) == bool(label) for label, score in zip(labels, scores))
    ranked = sorted(zip(scores, labels))
    positives = sum(bool(label) for label in labels)
    rank_sum, at = 0.0, 0
    while at < len(ranked):
        end = at
        while end < len(ranked) and ranked[end][0] == ranked[at][0]:
            end += 1
        rank_sum += sum(bool(label) for _, label in ranked[at:end]) * (at + end + 1) / 2
        at = end
    pairs = positives * (len(labels) - positives)
    loss = -sum(math.log(max(score if label else 1 - score, 1e-15)) for label, score in zip(labels, scores))
    values = {
        "accuracy": hits / len(labels),
        "auc": (rank_sum - positives * (positives + 1) / 2) / pairs if pairs else 0.0,
        "logloss": loss / len(labels),
    }
    return {name: {"value": value, "standard_deviation": "NaN"} for name, value in values.items()}


def predict(model_folder, rows):
    """One score per row by the model in model.tar.gz."""
    import xgboost

    with tarfile.open(pathlib.Path(model_folder) / "model.tar.gz") as archive:
        booster = xgboost.Booster(model_file=bytearray(archive.extractfile("xgboost-model").read()))
    return [float(score) for score in booster.predict(xgboost.DMatrix(rows))]


def main():
    """Scores every CSV file of the test folder."""
    import pandas

    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="/opt/ml/processing/model")
    parser.add_argument("--test", default="/opt/ml/processing/test")
    parser.add_argument("--output", default="/opt/ml/processing/evaluation")
    arguments = parser.parse_args()
    files = sorted(pathlib.Path(arguments.test).glob("*.csv"))
    frame = pandas.concat(pandas.read_csv(path, header=None) for path in files)
    metrics = metrics_of(list(frame[0]), predict(arguments.model, frame.iloc[:, 1:].to_numpy()))
    output = pathlib.Path(arguments.output)
    output.mkdir(parents=True, exist_ok=True)
    (output / "evaluation.json").write_text(json.dumps({"metrics": metrics}, indent=2))
    print(json.dumps({name: round(metric["value"], 4) for name, metric in metrics.items()}), f"on {len(frame)} held-out rows")


if __name__ == "__main__":
    main()
