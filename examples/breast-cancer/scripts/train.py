"""Train: gradient-boosted trees in script mode of the XGBoost image."""
import argparse
import os
import pathlib

import pandas
import xgboost

parser = argparse.ArgumentParser()
parser.add_argument("--num-round", type=int, default=60)
parser.add_argument("--max-depth", type=int, default=4)
parser.add_argument("--eta", type=float, default=0.2)
arguments = parser.parse_args()


def read(channel):
    """One channel as a matrix: label first, no header."""
    folder = pathlib.Path(os.environ[f"SM_CHANNEL_{channel.upper()}"])
    frame = pandas.concat(pandas.read_csv(path, header=None) for path in sorted(folder.glob("*.csv")))
    return xgboost.DMatrix(frame.iloc[:, 1:].to_numpy(), label=frame[0])


train, validation = read("train"), read("validation")
booster = xgboost.train(
    {"objective": "binary:logistic", "eval_metric": ["logloss", "auc"], "max_depth": arguments.max_depth,
     "eta": arguments.eta, "seed": 7, "nthread": 1},
    train, num_boost_round=arguments.num_round, evals=[(train, "train"), (validation, "validation")])
booster.save_model(pathlib.Path(os.environ["SM_MODEL_DIR"]) / "xgboost-model")
print(f"trained {booster.num_boosted_rounds()} rounds")
