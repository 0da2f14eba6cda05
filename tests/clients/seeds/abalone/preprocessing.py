"""Abalone: from the raw file to a train, a validation and a test split, the label in the first column and no header."""
import pathlib

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

MEASURES = ["length", "diameter", "height", "whole_weight", "shucked_weight", "viscera_weight", "shell_weight"]
BASE = pathlib.Path("/opt/ml/processing")

if __name__ == "__main__":
    [source] = (BASE / "input").glob("*.csv")
    abalone = pd.read_csv(source, header=None, names=["sex", *MEASURES, "rings"])
    rings = abalone.pop("rings")
    numeric = Pipeline([("impute", SimpleImputer(strategy="median")), ("scale", StandardScaler())])
    categories = Pipeline([("impute", SimpleImputer(strategy="constant", fill_value="missing")), ("encode", OneHotEncoder(handle_unknown="ignore"))])
    features = ColumnTransformer([("numeric", numeric, MEASURES), ("sex", categories, ["sex"])]).fit_transform(abalone)
    rows = np.column_stack([rings.to_numpy(), features])
    np.random.default_rng(11).shuffle(rows)
    train, validation, test = np.split(rows, [int(0.7 * len(rows)), int(0.85 * len(rows))])
    for name, split in (("train", train), ("validation", validation), ("test", test)):
        folder = BASE / name
        folder.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(split).to_csv(folder / f"{name}.csv", header=False, index=False)
        print(f"{name}: {len(split)} rows, {split.shape[1]} columns")
