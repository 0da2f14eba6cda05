"""Train: gradient-boosted trees in script mode of the XGBoost image."""

import argparse
import os
import pathlib


def booster_parameters(arguments):
    """What XGBoost is asked for. A retraining brings another seed, so it draws other rows and is another model."""
    return {
        "objective": "binary:logistic",
        "eval_metric": ["logloss", "auc"],
        "max_depth": arguments.max_depth,
        "eta": arguments.eta,
        "subsample": 0.8,
        "seed": arguments.seed,
        "nthread": 1,
    }


def parse(words=None):
    """Hyperparameters, as SageMaker gives them: `--max-depth 3`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--num-round", type=int, default=10)
    parser.add_argument("--max-depth", type=int, default=3)
    parser.add_argument("--eta", type=float, default=0.3)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(words)


def read(channel):
    """One channel as a matrix: label first, no header."""
    import pandas
    import xgboost

    folder = pathlib.Path(os.environ[f"SM_CHANNEL_{channel.upper()}"])
    frame = pandas.concat(pandas.read_csv(path, header=None) for path in sorted(folder.glob("*.csv")))
    return xgboost.DMatrix(frame.iloc[:, 1:].to_numpy(), label=frame[0])


def main():
    """Trains on the two channels and saves what the XGBoost image serves."""
    import xgboost

    arguments = parse()
    train, validation = read("train"), read("validation")
    booster = xgboost.train(
        booster_parameters(arguments),
        train,
        num_boost_round=arguments.num_round,
        evals=[(train, "train"), (validation, "validation")],
    )
    booster.save_model(pathlib.Path(os.environ["SM_MODEL_DIR"]) / "xgboost-model")
    print(f"trained {booster.num_boosted_rounds()} rounds")


if __name__ == "__main__":
    main()
