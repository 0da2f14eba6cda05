"""Evaluation metrics of the XGBoost image: which names are legal in which release, and those xgboost itself does not compute."""
import numpy as np

#: Name -> first release that knows it; in the order messages list them. Higher is better.
MAXIMIZE = {
    "accuracy": "0.90-1", "auc": "0.90-1", "aucpr": "0.90-1", "balanced_accuracy": "1.3-1", "f1": "0.90-1", "f1_binary": "1.2-2",
    "f1_macro": "1.2-2", "map": "0.90-1", "ndcg": "0.90-1", "precision": "1.3-1", "r2": "1.2-1", "recall": "1.3-1",
    "precision_macro": "1.3-1", "precision_micro": "1.3-1", "recall_macro": "1.3-1", "recall_micro": "1.3-1",
}
#: Lower is better.
MINIMIZE = {
    "aft-nloglik": "1.2-1", "cox-nloglik": "0.90-1", "error": "0.90-1", "gamma-deviance": "0.90-1", "gamma-nloglik": "0.90-1",
    "interval-regression-accuracy": "1.2-1", "logloss": "0.90-1", "mae": "0.90-1", "mape": "1.3-1", "merror": "0.90-1",
    "mlogloss": "0.90-1", "mphe": "1.2-1", "mse": "0.90-1", "poisson-nloglik": "0.90-1", "rmse": "0.90-1", "rmsle": "0.90-1",
    "tweedie-nloglik": "0.90-1",
}


def metric_names(profile):
    """Legal metrics of the image's release."""
    return [name for table in (MAXIMIZE, MINIMIZE) for name, release in table.items() if profile.since(release)]


def is_maximized(metric):
    """Whether higher is better; `ndcg@5` goes by `ndcg`."""
    return metric.split("@")[0] in MAXIMIZE


def predicted_labels(predictions, objective):
    """Class labels from what xgboost hands to a custom metric: the transformed prediction of the objective."""
    if predictions.ndim == 2:
        return np.argmax(predictions, axis=1)
    if objective == "multi:softmax" or objective == "binary:hinge":
        return predictions.astype(int)
    if objective in ("binary:logistic", "reg:logistic"):
        return (predictions > 0.5).astype(int)
    return (predictions > 0).astype(int)


def _label_score(name):
    from sklearn import metrics

    averaged = {"f1": "macro", "f1_macro": "macro", "f1_binary": "binary", "precision": "binary", "precision_macro": "macro",
                "precision_micro": "micro", "recall": "binary", "recall_macro": "macro", "recall_micro": "micro"}
    if name in ("accuracy", "balanced_accuracy"):
        return metrics.accuracy_score if name == "accuracy" else metrics.balanced_accuracy_score
    score = getattr(metrics, name.split("_")[0] + "_score")
    return lambda labels, predicted: score(labels, predicted, average=averaged[name])


def _value_score(name):
    from sklearn import metrics

    return metrics.r2_score if name == "r2" else metrics.mean_squared_error


#: Metrics the image computes itself, in the order they are logged.
CUSTOM = ("accuracy", "balanced_accuracy", "f1", "f1_binary", "f1_macro", "mse", "precision", "precision_macro", "precision_micro",
          "r2", "recall", "recall_macro", "recall_micro")
_ON_VALUES = ("mse", "r2")


def custom_metric(names, objective):
    """A function for xgboost.train's `custom_metric` that yields all of `names`; None when there are none."""
    if not names:
        return None
    scores = [(name, _value_score(name) if name in _ON_VALUES else _label_score(name)) for name in names]

    def evaluate(predictions, matrix):
        if predictions.size == 0:
            return [(name, 0.0) for name, _ in scores]
        labels = matrix.get_label()
        classes = predicted_labels(predictions, objective)
        return [(name, float(score(labels, predictions if name in _ON_VALUES else classes))) for name, score in scores]

    return evaluate


def choose_metrics(tuning_objective, eval_metric):
    """Splits what was asked for: metrics of xgboost, metrics of ours, and the tuning metric's names (None when there is none)."""
    tuning = tuning_objective.split(":")[1].split(",") if tuning_objective else None
    if tuning and eval_metric:
        wanted = sorted(set(tuning) | set(eval_metric))
    else:
        wanted = tuning or eval_metric or []
    own = [name for name in wanted if name in CUSTOM]
    return [name for name in wanted if name not in CUSTOM], own, tuning
