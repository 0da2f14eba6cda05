"""Ingest: puts the raw data under version. Here it comes with scikit-learn (569 biopsies, 30 measurements each)."""
import argparse
import pathlib

from sklearn.datasets import load_breast_cancer

parser = argparse.ArgumentParser()
parser.add_argument("--output", default="/opt/ml/processing/output")
arguments = parser.parse_args()

frame = load_breast_cancer(as_frame=True).frame
frame.insert(0, "malignant", 1 - frame.pop("target"))  # the data set says 1 = benign; we predict the disease
target = pathlib.Path(arguments.output) / "raw.csv"
frame.to_csv(target, index=False)
print(f"{len(frame)} rows, {frame.shape[1] - 1} measurements, {int(frame['malignant'].sum())} malignant -> {target.name}")
