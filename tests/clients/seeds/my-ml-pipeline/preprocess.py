"""Splits the data; label first and no header, as the built-in XGBoost reads CSV."""
import glob
import pathlib

import pandas as pd
from sklearn.model_selection import train_test_split

frame = pd.concat(pd.read_csv(path) for path in sorted(glob.glob("/opt/ml/processing/input/*.csv")))
train, validation = train_test_split(frame, test_size=0.2, random_state=42, stratify=frame["malignant"])
for name, part in {"train": train, "validation": validation}.items():
    folder = pathlib.Path("/opt/ml/processing", name)
    folder.mkdir(parents=True, exist_ok=True)
    part.to_csv(folder / f"{name}.csv", header=False, index=False)
    print(f"{name}: {len(part)} rows")
