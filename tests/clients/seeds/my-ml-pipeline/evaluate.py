"""Measures the trained model on the validation rows."""
import json
import pathlib
import tarfile

import pandas as pd
import xgboost
from sklearn.metrics import accuracy_score, f1_score

with tarfile.open("/opt/ml/processing/model/model.tar.gz") as archive:
    archive.extractall("/tmp/model")
booster = xgboost.Booster()
booster.load_model("/tmp/model/xgboost-model")

frame = pd.read_csv("/opt/ml/processing/validation/validation.csv", header=None)
scores = booster.predict(xgboost.DMatrix(frame.iloc[:, 1:].to_numpy()))
labels, decided = frame[0], scores > 0.5
report = {"metrics": {
    "accuracy": {"value": float(accuracy_score(labels, decided))},
    "f1": {"value": float(f1_score(labels, decided))},
}}
folder = pathlib.Path("/opt/ml/processing/evaluation")
folder.mkdir(parents=True, exist_ok=True)
(folder / "evaluation.json").write_text(json.dumps(report))
print(json.dumps(report))
