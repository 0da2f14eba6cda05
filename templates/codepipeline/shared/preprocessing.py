"""Preprocess: splits the data into train, validation and held-out test sets; label first, no header, as XGBoost reads CSV."""

import argparse
import pathlib


def read(folder):
    """The rows, label first: every CSV file (with a header) of the input folder; if there is none, scikit-learn's breast-cancer data."""
    import pandas

    files = sorted(pathlib.Path(folder).glob("*.csv"))
    if files:
        return pandas.concat(pandas.read_csv(path) for path in files)
    from sklearn.datasets import load_breast_cancer

    frame = load_breast_cancer(as_frame=True).frame
    frame.insert(0, "malignant", 1 - frame.pop("target"))  # the data set says 1 = benign; we predict the disease
    return frame


def split_sizes(rows, test_fraction):
    """How many rows each part gets: the rest after the test rows is divided 4 to 1."""
    test = round(rows * test_fraction)
    validation = round((rows - test) * 0.2)
    return {"train": rows - test - validation, "validation": validation, "test": test}


def split(frame, test_fraction, seed):
    """The parts, each with the same share of every label; the same seed always holds out the same rows."""
    from sklearn.model_selection import train_test_split

    label = frame.columns[0]
    sizes = split_sizes(len(frame), test_fraction)
    rest, test = train_test_split(frame, test_size=sizes["test"], random_state=seed, stratify=frame[label])
    train, validation = train_test_split(rest, test_size=sizes["validation"], random_state=seed, stratify=rest[label])
    return {"train": train, "validation": validation, "test": test}


def main():
    """Reads, splits and writes one folder per part."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--input", default="/opt/ml/processing/input")
    parser.add_argument("--output", default="/opt/ml/processing/output")
    parser.add_argument("--test-fraction", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    for name, part in split(read(arguments.input), arguments.test_fraction, arguments.seed).items():
        folder = pathlib.Path(arguments.output) / name
        folder.mkdir(parents=True, exist_ok=True)
        part.to_csv(folder / f"{name}.csv", header=False, index=False)
        print(f"{name}: {len(part)} rows")


if __name__ == "__main__":
    main()
