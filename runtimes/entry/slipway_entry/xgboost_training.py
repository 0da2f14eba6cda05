"""The built-in XGBoost algorithm: validate, read, train with the platform's log lines, save."""
import logging
import os
import pickle
import re
import signal

from . import xgboost_cluster, xgboost_data
from .faults import AlgorithmError, UserError
from .xgboost_cross_validation import CrossValidation, save_predictions
from .xgboost_hyperparameters import validate
from .xgboost_metrics import choose_metrics, custom_metric, is_maximized

MODEL_NAME = "xgboost-model"
CHECKPOINT_NAME = "xgboost-checkpoint"
CHECKPOINTS_KEPT = 5
#: Booster attribute: feature indices of the libsvm training data began at 1, so column 0 is unused.
ONE_BASED = "slipway_libsvm_one_based"

#: Failures of xgboost that the data or hyperparameters cause, told by what the message contains.
USER_FAULTS = (
    "label must be in [0,1] for logistic regression", "label must be in [0, num_class)", "Target is multiclass but average='binary'",
    "feature_names mismatch", "Check failed: preds.size() == info.labels_.size()", "AUC: the dataset only contains pos or neg samples",
    "base_score must be in (0,1)", "label must be nonnegative", "Parameter reg_lambda should be greater equal to 0",
)


def run_algorithm(profile, environment):
    """Trains on `/opt/ml` and leaves `xgboost-model`. Raises UserError or AlgorithmError."""
    logging.info("Running XGBoost Sagemaker in algorithm mode")
    parameters = validate(profile, environment.raw_hyperparameters)
    family = xgboost_data.validate_channels(profile, environment.channels)
    _refuse_unsupported(parameters)
    files = environment.files
    train_path = xgboost_data.channel_path(files, "train", environment.channels)
    validation_path = xgboost_data.channel_path(files, "validation", environment.channels) if "validation" in environment.channels else None
    if validation_path and os.path.exists(validation_path) and os.path.exists(train_path):
        xgboost_data.warn_of_duplicates(train_path, validation_path)
    weights = parameters.pop("csv_weights", 0)
    folds = CrossValidation.of(parameters)
    train = xgboost_data.read_channel(train_path, family, weights)
    validation = xgboost_data.read_channel(validation_path, family, weights) if validation_path else None
    training = Training(profile, parameters, files.model, files.read_config("checkpointconfig.json", {}).get("LocalPath"))
    missing = train_path if train is None else validation_path if validation_path and validation is None else None
    if len(environment.hosts) > 1:
        if folds:
            raise UserError("Cross validation (_kfold) runs on one host. Use one instance.")
        _train_together(training, environment, train, validation, missing)
        return
    if missing:
        raise _no_data(missing)
    if folds:
        boosters, predictions = folds.run(training, xgboost_data.joined(train, validation))
        for number, booster in enumerate(boosters):
            training.save(booster, f"-{number}")
        save_predictions(predictions, files.output_data)
        return
    training.save(training.run(train, validation))


def _no_data(path):
    return UserError(f"No data in {os.path.basename(path).replace('train', 'training')} channel path {path}")


def _train_together(training, environment, train, validation, missing):
    """One model of all hosts' data. A host without data is left out; the first of the others logs and saves."""
    report = {"takes_part": missing is None, **({} if missing else table_facts(train, validation))}
    with xgboost_cluster.meeting(environment.hosts, environment.current_host, report) as cluster:
        if not cluster.members:
            raise _no_data(missing)
        if cluster.rank is None:
            logging.warning("Host %s does not have data. Will broadcast to cluster and will not be used in distributed training.", environment.current_host)
            return
        facts = [cluster.reports[host] for host in cluster.members]
        widths = {fact["width"] for fact in facts}
        if len(widths) > 1 and not all(fact["sparse"] for fact in facts):
            raise UserError(f"The hosts' data differ in the number of feature columns: {sorted(widths)}; they must be equal.")
        if train.one_based and not all(fact["one_based"] for fact in facts):
            train.one_based = False
        with cluster.joined():
            booster = training.run(train, validation, width=max(widths), cluster=cluster)
        if cluster.is_master:
            training.save(booster)


def _refuse_unsupported(parameters):
    if parameters.get("use_dask_gpu_training") == "true" or parameters.get("tree_method") == "gpu_hist":
        raise UserError("GPU training is not supported yet. Use tree_method hist and no use_dask_gpu_training.")


def table_facts(train, validation):
    """What hosts must agree on."""
    from scipy.sparse import issparse

    width = max(train.width, validation.width if validation else 0)
    return {"width": width, "sparse": bool(issparse(train.features)), "one_based": train.one_based}


def matrices(train, validation, width=0):
    """DMatrix of both tables, made equally wide (at least `width`): a sparse file ends at its own last used column."""
    import numpy as np
    import xgboost
    from scipy.sparse import issparse

    width = max(width, train.width, validation.width if validation else 0)

    def matrix(table):
        features = table.features
        if table.width < width:
            if issparse(features):
                features = features.copy()
                features.resize(features.shape[0], width)
            else:
                raise UserError(f"The validation channel has {validation.width} feature columns and the train channel {train.width}; they must be equal.")
        return xgboost.DMatrix(features, label=table.labels, weight=table.weights, missing=np.nan)

    if validation is not None and not issparse(train.features) and validation.width != train.width:
        raise UserError(f"The validation channel has {validation.width} feature columns and the train channel {train.width}; they must be equal.")
    return matrix(train), matrix(validation) if validation else None


class Training:
    """One run of boosting with callbacks for log lines, checkpoints, early stopping and termination."""

    def __init__(self, profile, parameters, model_folder, checkpoint_folder):
        self.profile = profile
        self.parameters = dict(parameters)
        self.model_path = os.path.join(model_folder, MODEL_NAME)
        self.checkpoints = checkpoint_folder
        self.writes = True
        self.keep_on_termination = self.parameters.pop("save_model_on_termination", "false") == "true"
        self.rounds = self.parameters.pop("num_round")
        self.patience = self.parameters.pop("early_stopping_rounds", None)
        asked = self.parameters.pop("eval_metric", None)
        builtin, own, tuning = choose_metrics(self.parameters.pop("_tuning_objective_metric", None), asked)
        self.stopping_metric = (tuning or asked or [None])[-1]
        self.evaluate = custom_metric(own, self.parameters.get("objective"))
        self._translate_parameters()
        if builtin:
            self.parameters["eval_metric"] = builtin

    def _translate_parameters(self):
        """Names of older releases in today's xgboost's words."""
        parameters = self.parameters
        for name in ("silent", "predictor", "use_dask_gpu_training", "dsplit", "sketch_eps", "deterministic_histogram",
                     "single_precision_histogram", "prob_buffer_row"):
            parameters.pop(name, None)
        if parameters.get("objective") == "reg:linear":
            parameters["objective"] = "reg:squarederror"
        if "updater" in parameters:
            parameters["updater"] = ",".join(parameters["updater"])

    def save(self, booster, suffix=""):
        save_model(booster, self.model_path + suffix, self.profile.model_file)

    def run_fold(self, train_table, held_out_table, scores):
        """A model of some rows, and its predictions for the others; neither checkpoints nor models are kept on the way."""
        self._check_labels(train_table)
        train, held_out = matrices(train_table, held_out_table, held_out_table.width)
        self.writes = True
        booster = self._boost(train, [(train, "train"), (held_out, "validation")], None, self.rounds, True, scores)
        self._mark(booster, train_table)
        return booster, booster.predict(held_out)

    def run(self, train_table, validation_table, width=0, cluster=None):
        """The trained Booster. With a `cluster` the caller has joined, all its members do this together."""
        self._check_labels(train_table)
        train, validation = matrices(train_table, validation_table, width)
        if cluster:
            self.writes = cluster.is_master
            logging.info("Distributed node training with %d hosts: %s. Current host is rank %d.", len(cluster.members), cluster.members, cluster.rank)
        else:
            logging.info("Single node training.")
        logging.info("Train matrix has %d rows and %d columns", train.num_row(), train.num_col())
        watched = [(train, "train")]
        if validation is not None:
            logging.info("Validation matrix has %d rows", validation.num_row())
            watched.append((validation, "validation"))
        start, done = self._start(cluster)
        if self.keep_on_termination:
            # The model of the last finished round is in place already, so ending here loses nothing.
            signal.signal(signal.SIGTERM, lambda number, frame: os._exit(0))
        booster = self._boost(train, watched, start, max(self.rounds - done, 0), False)
        self._mark(booster, train_table)
        return booster

    def _boost(self, train, watched, start, rounds, is_fold, scores=None):
        import xgboost

        try:
            return xgboost.train(
                self.parameters, train, num_boost_round=rounds, evals=watched, custom_metric=self.evaluate, evals_result=scores,
                callbacks=self._callbacks(xgboost, len(watched) > 1, is_fold), xgb_model=start, verbose_eval=False)
        except UserError:
            raise
        except Exception as error:
            message = plain_message(error)
            if any(fault in message for fault in USER_FAULTS):
                raise UserError(message) from error
            raise AlgorithmError(f"XGB train call failed with exception:\n {message}") from error

    @staticmethod
    def _mark(booster, table):
        if table.one_based:
            booster.set_attr(**{ONE_BASED: "1"})

    def _start(self, cluster):
        """The checkpoint to go on from. All hosts go on from the master's, whatever each of them found."""
        if cluster is None:
            return load_checkpoint(self.checkpoints)
        import xgboost
        from xgboost import collective

        booster, done = load_checkpoint(self.checkpoints) if cluster.is_master else (None, 0)
        content, done = collective.broadcast((bytes(booster.save_raw("ubj")) if booster else None, done), 0)
        return (xgboost.Booster(model_file=bytearray(content)) if content else None), done

    def _check_labels(self, table):
        """xgboost estimates the base score first and would complain of that, not of the labels it came from."""
        if self.parameters.get("objective") in ("binary:logistic", "binary:logitraw", "reg:logistic"):
            if table.labels.min() < 0 or table.labels.max() > 1:
                raise UserError(
                    f"label must be in [0,1] for logistic regression; the labels range from {table.labels.min():g} to {table.labels.max():g}")

    def _callbacks(self, xgboost, has_validation, is_fold):
        training = self

        class Rounds(xgboost.callback.TrainingCallback):
            """After each round: the log line, the checkpoint, the model kept for termination."""

            def after_iteration(self, model, epoch, evals_log):
                number = model.num_boosted_rounds() - 1
                if not training.writes:
                    return False
                print(format_round(number, evals_log), flush=True)
                if is_fold:
                    return False
                if training.checkpoints:
                    save_checkpoint(model, training.checkpoints, number)
                if training.keep_on_termination:
                    training.save(model)
                return False

        callbacks = [Rounds()]
        # Up to 1.2-1 the last metric counted when none was named; later images stop early only on a named one.
        named = self.stopping_metric is not None or not self.profile.since("1.2-2")
        if self.patience and has_validation and named:
            metric = self.stopping_metric
            callbacks.append(xgboost.callback.EarlyStopping(
                rounds=self.patience, data_name="validation", metric_name=metric, maximize=is_maximized(metric) if metric else None,
                save_best=self.parameters.get("booster") != "gblinear"))
        return callbacks


def plain_message(error):
    """xgboost's message without the time, source line and native stack it puts around it."""
    return re.sub(r"^\[[\d:]+\] \S+:\d+: ", "", str(error).split("\nStack trace:")[0]).strip()


def format_round(number, evals_log):
    """`[0]\\ttrain-rmse:2.84573\\tvalidation-rmse:3.25665`: per data set in order, all its metrics."""
    scores = [f"{data}-{metric}:{history[-1]:.5f}" for data, metrics in evals_log.items() for metric, history in metrics.items()]
    return "\t".join([f"[{number}]", *scores])


def save_model(booster, path, file_format):
    """Writes the model file whole or not at all."""
    content = pickle.dumps(booster, protocol=4) if file_format == "pickle" else bytes(booster.save_raw("ubj"))
    _write_whole(path, content)


def _write_whole(path, content):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    partial = f"{path}.sagemaker-ignore"
    with open(partial, "wb") as file:
        file.write(content)
    os.replace(partial, path)


def save_checkpoint(booster, folder, number):
    _write_whole(os.path.join(folder, f"{CHECKPOINT_NAME}.{number}"), bytes(booster.save_raw("ubj")))
    outdated = os.path.join(folder, f"{CHECKPOINT_NAME}.{number - CHECKPOINTS_KEPT}")
    if os.path.exists(outdated):
        os.remove(outdated)


def load_checkpoint(folder):
    """The newest readable checkpoint and the number of rounds it holds; (None, 0) without one."""
    import xgboost

    if not folder or not os.path.isdir(folder):
        return None, 0
    numbers = sorted((int(match[1]) for name in os.listdir(folder) if (match := re.fullmatch(rf"{CHECKPOINT_NAME}\.(\d+)", name))), reverse=True)
    for number in numbers:
        path = os.path.join(folder, f"{CHECKPOINT_NAME}.{number}")
        try:
            with open(path, "rb") as file:
                booster = xgboost.Booster(model_file=bytearray(file.read()))
        except xgboost.core.XGBoostError:
            logging.warning("Checkpoint %s cannot be read and is passed over", path)
            continue
        logging.info("Checkpoint loaded from %s", path)
        logging.info("Resuming from iteration %s", number + 1)
        return booster, number + 1
    return None, 0
