"""Script mode of the XGBoost image."""
import argparse
import os
import pathlib

import pandas as pd
import xgboost

parser = argparse.ArgumentParser()
parser.add_argument("--num_round", type=int)
parser.add_argument("--max_depth", type=int)
parser.add_argument("--eta", type=float)
arguments = parser.parse_args()

frame = pd.read_csv(pathlib.Path(os.environ["SM_CHANNEL_TRAIN"], "train.csv"), header=None)
rows = xgboost.DMatrix(frame.iloc[:, 1:].to_numpy(), label=frame[0])
booster = xgboost.train(
    {"objective": "binary:logistic", "eval_metric": "auc", "max_depth": arguments.max_depth, "eta": arguments.eta, "seed": 1},
    rows, num_boost_round=arguments.num_round, evals=[(rows, "train")])
booster.save_model(os.path.join(os.environ["SM_MODEL_DIR"], "xgboost-model"))
