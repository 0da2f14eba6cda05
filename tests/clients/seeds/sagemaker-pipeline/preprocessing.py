"""Encodes the trial arm, checks the columns, splits; label first, no header."""
import argparse
import pathlib

import pandas as pd
from sklearn.model_selection import train_test_split

parser = argparse.ArgumentParser()
parser.add_argument("--test-fraction", type=float, default=0.25)
arguments = parser.parse_args()

frame = pd.concat(pd.read_csv(path) for path in pathlib.Path("/opt/ml/processing/input/participants").glob("*.csv"))
assert not frame.isna().any().any(), "participants with missing values"
frame["arm"] = frame["arm"].map({"placebo": 0, "low": 1, "high": 2})
train, test = train_test_split(frame, test_size=arguments.test_fraction, random_state=3, stratify=frame["dropped_out"])
for name, part in {"train": train, "test": test}.items():
    part.to_csv(f"/opt/ml/processing/output/{name}/{name}.csv", header=False, index=False)
print(f"{len(train)} participants to learn from, {len(test)} held out")
