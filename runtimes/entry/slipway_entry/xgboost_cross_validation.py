"""Repeated k-fold cross validation of the built-in algorithm: a model per fold, mean scores in the log, predictions of rows held out."""
import logging
import os

PREDICTIONS_FILE = "predictions.csv"


class CrossValidation:
    def __init__(self, folds, rounds, seed):
        self.folds, self.rounds, self.seed = folds, rounds, seed

    @classmethod
    def of(cls, parameters):
        """Takes its hyperparameters out of `parameters`; None when none was asked for."""
        old, folds = parameters.pop("_nfold", None), parameters.pop("_kfold", None)
        rounds = parameters.pop("_num_cv_round", 1)
        if folds is None and old is None:
            return None
        return cls(folds or old, rounds, parameters.get("seed", 0))

    def run(self, training, table):
        """Boosters of all folds of all rounds, in order."""
        import numpy as np

        rows, objective = len(table.labels), training.parameters.get("objective", "")
        is_classification = objective.startswith(("binary:", "multi:"))
        logging.info("Run %d-round of %d-fold cross validation with %d rows", self.rounds, self.folds, rows)
        boosters, scores, predictions = [], [], [None] * rows
        for number, (fit, held_out) in enumerate(self._split(table.labels, is_classification)):
            logging.info("Train cross validation fold %d", number % self.folds + 1)
            scores.append({})
            booster, predicted = training.run_fold(table.rows(fit), table.rows(held_out), scores[-1])
            boosters.append(booster)
            for row, prediction in zip(held_out, predicted):
                predictions[row] = (predictions[row] or []) + [np.atleast_1d(prediction)]
            if (number + 1) % self.folds == 0:
                logging.info("The metrics of round %d cross validation", (number + 1) // self.folds)
                print(mean_scores(training.rounds, scores[-self.folds:]), flush=True)
        if self.rounds > 1:
            logging.info("The overall metrics of %d-round cross validation", self.rounds)
            print(mean_scores(training.rounds, scores), flush=True)
        return boosters, summary(table.labels, predictions, objective, is_classification)

    def _split(self, labels, is_classification):
        from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold

        from .faults import UserError

        splitter = RepeatedStratifiedKFold if is_classification else RepeatedKFold
        try:
            yield from splitter(n_splits=self.folds, n_repeats=self.rounds, random_state=abs(self.seed)).split(labels, labels)
        except ValueError as error:
            raise UserError(f"The data cannot be split into {self.folds} folds: {error}") from error


def mean_scores(rounds, scores):
    """A line like that of a round, with the last scores of all folds averaged."""
    line = f"[{rounds}]"
    for metric in scores[0]["train"]:
        for data in ("train", "validation"):
            values = [score[data][metric][-1] for score in scores]
            line += f"\t{data}-{metric}:{sum(values) / len(values):.5f}"
    return line


def summary(labels, predictions, objective, is_classification):
    """A row per row of the data: its label and the mean prediction of the models that had not seen it; of classes also the most voted."""
    import numpy as np

    from .xgboost_metrics import predicted_labels

    rows = []
    for label, found in zip(labels, predictions):
        stacked = np.stack(found)
        row = [label, *stacked.mean(axis=0)]
        if is_classification:
            votes = predicted_labels(stacked if stacked.shape[1] > 1 else stacked[:, 0], objective).astype(int)
            row.append(np.bincount(votes).argmax())
        rows.append(row)
    return np.array(rows)


def save_predictions(table, folder):
    import numpy as np

    os.makedirs(folder, exist_ok=True)
    np.savetxt(os.path.join(folder, PREDICTIONS_FILE), table, delimiter=",", fmt="%.8g")
