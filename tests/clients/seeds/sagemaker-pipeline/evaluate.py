"""AUC on the held-out participants."""
import json
import tarfile

import pandas as pd
import xgboost
from sklearn.metrics import roc_auc_score

with tarfile.open("/opt/ml/processing/model/model.tar.gz") as archive:
    archive.extractall("/tmp/model")
booster = xgboost.Booster()
booster.load_model("/tmp/model/xgboost-model")
frame = pd.read_csv("/opt/ml/processing/test/test.csv", header=None)
auc = float(roc_auc_score(frame[0], booster.predict(xgboost.DMatrix(frame.iloc[:, 1:].to_numpy()))))
with open("/opt/ml/processing/evaluation/evaluation.json", "w") as file:
    json.dump({"binary_classification_metrics": {"auc": {"value": auc, "standard_deviation": "NaN"}}}, file)
print(f"auc {auc:.4f}")
