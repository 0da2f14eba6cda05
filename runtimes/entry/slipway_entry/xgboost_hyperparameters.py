"""The hyperparameters of the built-in XGBoost algorithm: names, types, ranges, dependencies, gated by the image's release.

Messages have AWS's wording, since programs and people look for it. Values arrive as strings.
"""
import ast
from dataclasses import dataclass
from typing import Callable, Optional

from .faults import UserError
from .xgboost_metrics import metric_names

ALIASES = {"learning_rate": "eta", "min_split_loss": "gamma", "reg_lambda": "lambda", "reg_alpha": "alpha"}


class Interval:
    """`[0, 1]`, `(0, 1]`, `[1, +inf)`: written as a string, compared and printed as such."""

    def __init__(self, text):
        low, high = text[1:-1].split(", ")
        self.text = text
        self.low, self.low_open = float(low), text[0] == "("
        self.high, self.high_open = float(high), text[-1] == ")"

    def __contains__(self, value):
        below = value <= self.low if self.low_open else value < self.low
        above = value >= self.high if self.high_open else value > self.high
        return not (below or above)

    def __str__(self):
        return self.text


class MetricRange:
    """Metrics of the release, some with a threshold (`error@0.7`)."""

    def __init__(self, names):
        self.names = names

    def __str__(self):
        return str(self.names)

    def __contains__(self, metric):
        if "<function" in metric:
            raise UserError(f"User defined evaluation metric {metric} is not supported yet.")
        if "@" not in metric:
            return metric in self.names
        name, threshold = (part.strip() for part in metric.split("@")[:2])
        if name not in ("error", "ndcg", "map"):
            raise UserError(
                f"Metric '{metric}' is not supported. Parameter 'eval_metric' with customized threshold should "
                "be one of these options: 'error', 'ndcg', 'map'."
            )
        try:
            float(threshold)
        except ValueError:
            raise UserError(f"Threshold value 't' in '{name}@t' expects float input.") from None
        return True


@dataclass
class Hyperparameter:
    kind: str
    range: object
    since: str = "0.90-1"
    before: Optional[str] = None
    required: bool = False
    #: Other hyperparameters it is checked against, and the check: `check(value, {name: value of those that are set})`.
    depends_on: tuple = ()
    check: Optional[Callable] = None

    def parse(self, text):
        if self.kind == "int":
            return int(text)
        if self.kind == "float":
            return float(text)
        if self.kind == "list":
            return text.split(",")
        if self.kind in ("tuple", "nested"):
            return _literal(text, tuple if self.kind == "tuple" else list)
        return text

    def check_range(self, name, value):
        if self.kind in ("int", "float", "category"):
            if value not in self.range:
                raise UserError(f"Hyperparameter {name}: {value} is not in {self.range}")
            return
        items = [item for group in value for item in group] if self.kind == "nested" else value
        if any(item not in self.range for item in items):
            raise UserError(f"Hyperparameter {name}: value {value} not in range {self.range}")


def _literal(text, wanted):
    value = ast.literal_eval(text)
    if not isinstance(value, wanted):
        raise ValueError(f"expected a {wanted.__name__}")
    return value


TREE_UPDATERS = ["grow_colmaker", "distcol", "grow_histmaker", "grow_skmaker", "sync", "refresh", "prune", "grow_quantile_histmaker"]
GROWERS = ("grow_colmaker", "distcol", "grow_histmaker", "grow_quantile_histmaker")
LINEAR_UPDATERS = ["shotgun", "coord_descent"]


def _check_updater(value, others):
    if others.get("booster") == "gblinear":
        if not (len(value) == 1 and value[0] in LINEAR_UPDATERS):
            options = ", ".join(f"'{name}'" for name in LINEAR_UPDATERS)
            raise UserError(f"Linear updater should be one of these options: {options}.")
    elif others.get("process_type") == "update":
        if not all(name in ("refresh", "prune") for name in value):
            raise UserError("process_type 'update' can only be used with updater 'refresh' and 'prune'")
    elif not all(name in TREE_UPDATERS for name in value):
        raise UserError(
            "Tree updater should be selected from these options: 'grow_colmaker', 'distcol', 'grow_histmaker', "
            "'grow_skmaker', 'grow_quantile_histmaker', 'sync', 'refresh', 'prune', 'shortgun', 'coord_descent'."
        )
    elif sum(name in GROWERS for name in value) > 1:
        raise UserError(
            "Only one tree grow plugin can be selected. Choose one from thefollowing: 'grow_colmaker', 'distcol', "
            "'grow_histmaker', 'grow_skmaker'"
        )


def _check_objective(value, others):
    if value in ("multi:softmax", "multi:softprob") and others.get("num_class") is None:
        raise UserError("Require input for parameter 'num_class' for multi-classification")


def _check_eval_metric(value, others):
    # Without an objective xgboost trains a regression.
    objective = others.get("objective", "reg:squarederror")
    if "auc" in value and not objective.startswith(("binary:", "rank:")):
        raise UserError("Metric 'auc' can only be applied for classification and ranking problems.")
    if "aft-nloglik" in value and objective != "survival:aft":
        raise UserError("Metric 'aft-nloglik' can only be applied for 'survival:aft' objective.")


def _check_monotone(value, others):
    if others.get("tree_method") not in ("exact", "hist"):
        raise UserError("monotone_constraints can be used only when the tree_method parameter is set to either 'exact' or 'hist'.")


def _check_interaction(value, others):
    if others.get("tree_method") not in ("exact", "hist", "approx"):
        raise UserError(
            "interaction_constraints can be used only when the tree_method parameter is set to either 'exact', 'hist' or 'approx'."
        )


def _objectives(profile):
    names = ["binary:logistic", "binary:logitraw", "binary:hinge", "count:poisson", "multi:softmax", "multi:softprob",
             "rank:pairwise", "rank:ndcg", "rank:map", "reg:linear", "reg:squarederror", "reg:logistic", "reg:gamma"]
    survival = profile.since("1.2-1")
    names += ["reg:pseudohubererror"] if survival else []
    names += ["reg:squaredlogerror"]
    names += ["reg:absoluteerror"] if profile.since("3.0-5") else []
    return names + ["reg:tweedie"] + (["survival:aft"] if survival else []) + ["survival:cox"]


def table(profile):
    """All hyperparameters of the image's release, by name, in the order they are checked."""
    whole, fraction, positive = Interval("[0, +inf)"), Interval("[0, 1]"), Interval("(0, 1]")
    flag, count, truth = Interval("[0, 1]"), Interval("[1, +inf)"), ["true", "false"]
    gpu = profile.since("1.2-1")
    metrics = metric_names(profile)
    updaters = TREE_UPDATERS[:-1] + LINEAR_UPDATERS
    parameters = {
        "num_round": Hyperparameter("int", count, required=True),
        "csv_weights": Hyperparameter("int", flag),
        "early_stopping_rounds": Hyperparameter("int", count),
        "booster": Hyperparameter("category", ["gbtree", "gblinear", "dart"]),
        "silent": Hyperparameter("int", flag, before="1.2-1"),
        "verbosity": Hyperparameter("int", Interval("[0, 3]")),
        "nthread": Hyperparameter("int", count),
        "eta": Hyperparameter("float", fraction),
        "gamma": Hyperparameter("float", whole),
        "max_depth": Hyperparameter("int", whole),
        "min_child_weight": Hyperparameter("float", whole),
        "max_delta_step": Hyperparameter("float", whole),
        "subsample": Hyperparameter("float", positive),
        "colsample_bytree": Hyperparameter("float", positive),
        "colsample_bylevel": Hyperparameter("float", positive),
        "colsample_bynode": Hyperparameter("float", positive),
        "lambda": Hyperparameter("float", whole),
        "alpha": Hyperparameter("float", whole),
        "tree_method": Hyperparameter("category", ["auto", "exact", "approx", "hist"] + (["gpu_hist"] if gpu else [])),
        "sketch_eps": Hyperparameter("float", Interval("(0, 1)")),
        "scale_pos_weight": Hyperparameter("float", Interval("(0, +inf)")),
        "updater": Hyperparameter("list", updaters, depends_on=("booster", "process_type"), check=_check_updater),
        "dsplit": Hyperparameter("category", ["row", "col"]),
        "refresh_leaf": Hyperparameter("int", flag),
        "process_type": Hyperparameter("category", ["default", "update"]),
        "grow_policy": Hyperparameter("category", ["depthwise", "lossguide"]),
        "max_leaves": Hyperparameter("int", whole),
        "max_bin": Hyperparameter("int", whole),
        "predictor": Hyperparameter("category", ["auto", "cpu_predictor", "gpu_predictor"] if gpu else ["cpu_predictor"]),
        "monotone_constraints": Hyperparameter("tuple", [-1, 0, 1], depends_on=("tree_method",), check=_check_monotone),
        "interaction_constraints": Hyperparameter("nested", count, depends_on=("tree_method",), check=_check_interaction),
        "sample_type": Hyperparameter("category", ["uniform", "weighted"]),
        "normalize_type": Hyperparameter("category", ["tree", "forest"]),
        "rate_drop": Hyperparameter("float", fraction),
        "one_drop": Hyperparameter("int", flag),
        "skip_drop": Hyperparameter("float", fraction),
        "lambda_bias": Hyperparameter("float", fraction),
        "tweedie_variance_power": Hyperparameter("float", Interval("(1, 2)")),
        "objective": Hyperparameter("category", _objectives(profile), depends_on=("num_class",), check=_check_objective),
        "num_class": Hyperparameter("int", Interval("[2, +inf)")),
        "base_score": Hyperparameter("float", whole),
        "_nfold": Hyperparameter("int", Interval("[2, +inf)"), since="1.2-1", before="1.2-2"),
        "_kfold": Hyperparameter("int", Interval("[2, +inf)"), since="1.2-2"),
        "_num_cv_round": Hyperparameter("int", count, since="1.2-2"),
        "_tuning_objective_metric": Hyperparameter("category", [f"validation:{name}" for name in metrics]),
        "eval_metric": Hyperparameter("list", MetricRange(metrics), depends_on=("objective",), check=_check_eval_metric),
        "seed": Hyperparameter("int", Interval("(-2147483648, 2147483647)")),
        "num_parallel_tree": Hyperparameter("int", count),
        "save_model_on_termination": Hyperparameter("category", truth),
        "aft_loss_distribution": Hyperparameter("category", ["normal", "logistic", "extreme"], since="1.2-1"),
        "aft_loss_distribution_scale": Hyperparameter("float", whole, since="1.2-1"),
        "single_precision_histogram": Hyperparameter("category", truth, since="1.2-1", before="1.7-1"),
        "deterministic_histogram": Hyperparameter("category", truth, since="1.2-1"),
        "sampling_method": Hyperparameter("category", ["uniform", "gradient_based"], since="1.3-1"),
        "prob_buffer_row": Hyperparameter("int", Interval("(1.0, +inf)"), since="1.3-1"),
        "use_dask_gpu_training": Hyperparameter("category", truth, since="1.7-1"),
    }
    return {
        name: parameter for name, parameter in parameters.items()
        if profile.since(parameter.since) and not (parameter.before and profile.since(parameter.before))
    }


def validate(profile, given):
    """Typed values of the given strings; raises UserError at the first that is wrong, in AWS's order of checks."""
    known = table(profile)
    given = {ALIASES.get(name, name): value for name, value in given.items()}
    for name, parameter in known.items():
        if parameter.required and name not in given:
            raise UserError(f"Missing required hyperparameter: {name}")
    values = {}
    for name, text in given.items():
        if name not in known:
            raise UserError(f"Extraneous hyperparameter found: {name}")
        try:
            values[name] = known[name].parse(text)
        except (ValueError, SyntaxError, TypeError) as error:
            raise UserError(f"Hyperparameter {name}: could not parse value", caused_by=error) from error
    for name, value in values.items():
        known[name].check_range(name, value)
    for name, value in values.items():
        if known[name].check:
            known[name].check(value, {other: values[other] for other in known[name].depends_on if other in values})
    return values
