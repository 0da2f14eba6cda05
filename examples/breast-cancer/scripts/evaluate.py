"""Evaluate: scores the held-out rows and writes what the condition step and the registry read."""
import argparse
import json
import pathlib
import tarfile

import pandas
import xgboost
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

parser = argparse.ArgumentParser()
parser.add_argument("--model", default="/opt/ml/processing/model")
parser.add_argument("--test", default="/opt/ml/processing/test")
parser.add_argument("--output", default="/opt/ml/processing/evaluation")
arguments = parser.parse_args()

with tarfile.open(pathlib.Path(arguments.model) / "model.tar.gz") as archive:
    booster = xgboost.Booster(model_file=bytearray(archive.extractfile("xgboost-model").read()))

frame = pandas.read_csv(pathlib.Path(arguments.test) / "test.csv", header=None)
scores = booster.predict(xgboost.DMatrix(frame.iloc[:, 1:].to_numpy()))
labels, decided = frame[0], scores > 0.5

metrics = {
    "accuracy": {"value": float(accuracy_score(labels, decided)), "standard_deviation": "NaN"},
    "auc": {"value": float(roc_auc_score(labels, scores)), "standard_deviation": "NaN"},
    "f1": {"value": float(f1_score(labels, decided)), "standard_deviation": "NaN"},
}
output = pathlib.Path(arguments.output)
(output / "evaluation.json").write_text(json.dumps({"metrics": metrics}, indent=2))
pandas.Series(scores.astype(float)).to_csv(output / "scores.csv", header=False, index=False, float_format="%.17g")
print(json.dumps({name: round(metric["value"], 4) for name, metric in metrics.items()}), f"on {len(frame)} held-out rows")
