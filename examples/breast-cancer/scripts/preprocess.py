"""Preprocess: splits into train, validation and held-out test sets; label first, no header, as XGBoost reads CSV."""
import argparse
import pathlib

import pandas
from sklearn.model_selection import train_test_split

parser = argparse.ArgumentParser()
parser.add_argument("--input", default="/opt/ml/processing/input")
parser.add_argument("--output", default="/opt/ml/processing/output")
parser.add_argument("--test-fraction", type=float, default=0.2)
parser.add_argument("--seed", type=int, default=7)
arguments = parser.parse_args()

frame = pandas.read_csv(pathlib.Path(arguments.input) / "raw.csv")
rest, test = train_test_split(
    frame, test_size=arguments.test_fraction, random_state=arguments.seed, stratify=frame["malignant"])
train, validation = train_test_split(rest, test_size=0.2, random_state=arguments.seed, stratify=rest["malignant"])

for name, part in {"train": train, "validation": validation, "test": test}.items():
    folder = pathlib.Path(arguments.output) / name
    folder.mkdir(parents=True, exist_ok=True)
    part.to_csv(folder / f"{name}.csv", header=False, index=False)
    print(f"{name}: {len(part)} rows")
