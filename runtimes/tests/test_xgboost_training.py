"""The built-in algorithm as a process: logs, model file, failures, checkpoints, termination."""
import json
import os
import pickle
import re
import signal
import subprocess
import unittest

import numpy as np

from support import ENTRY, JobTestCase, profile_switches


def rows(count, seed=0, classes=None):
    """CSV with the label first; the label depends on the first two of ten features."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(count, 10)).round(5)
    target = features[:, 0] * 2 + features[:, 1] + random.normal(scale=0.1, size=count)
    label = target.round(5) if classes is None else np.digitize(target, np.linspace(-1, 1, classes - 1)) if classes > 2 else (target > 0).astype(int)
    return "\n".join(",".join(map(str, [label[i], *features[i]])) for i in range(count)) + "\n"


class TrainingTestCase(JobTestCase):
    def with_data(self, hyperparameters, validation=True, classes=None, content_type="text/csv"):
        channels = {"train": {"ContentType": content_type, "TrainingInputMode": "File"}}
        self.write("input/data/train/train.csv", rows(300, 0, classes))
        if validation:
            channels["validation"] = {"ContentType": content_type, "TrainingInputMode": "File"}
            self.write("input/data/validation/validation.csv", rows(100, 1, classes))
        self.configure(hyperparameters, channels)

    def completed(self, result):
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return [line for line in result.stdout.splitlines() if line.startswith("[") and "\t" in line]


class Training(TrainingTestCase):
    def test_a_line_per_round_and_a_native_model(self):
        self.with_data({"num_round": "7", "objective": "reg:linear", "eta": "0.3"})
        result = self.train()
        lines = self.completed(result)
        self.assertEqual(len(lines), 7)
        for number, line in enumerate(lines):
            self.assertRegex(line, rf"^\[{number}\]\ttrain-rmse:\d+\.\d{{5}}\tvalidation-rmse:\d+\.\d{{5}}$")
        self.assertLess(float(lines[-1].rsplit(":", 1)[1]), float(lines[0].rsplit(":", 1)[1]))
        with open(self.path("model", "xgboost-model"), "rb") as model:
            self.assertRaises(pickle.UnpicklingError, pickle.load, model)
        self.assertEqual(os.listdir(self.path("model")), ["xgboost-model"])

    def test_old_images_pickle_the_booster(self):
        self.switches = profile_switches("sagemaker-xgboost", "1.0-1")
        self.with_data({"num_round": "2", "silent": "0", "objective": "reg:linear"})
        self.completed(self.train())
        with open(self.path("model", "xgboost-model"), "rb") as model:
            self.assertEqual(pickle.load(model).num_boosted_rounds(), 2)

    def test_custom_metrics_follow_xgboosts_own(self):
        self.with_data({"num_round": "8", "objective": "binary:logistic", "eval_metric": "accuracy,logloss,f1"}, classes=2)
        last = self.completed(self.train())[-1]
        self.assertRegex(last, r"\ttrain-logloss:\S+\ttrain-accuracy:\S+\ttrain-f1:\S+\tvalidation-logloss:\S+\tvalidation-accuracy:\S+\tvalidation-f1:\S+$")
        self.assertGreater(float(re.search(r"validation-accuracy:(\S+)", last)[1]), 0.8)

    def test_multiclass_metrics(self):
        for objective in ("multi:softmax", "multi:softprob"):
            self.with_data({"num_round": "5", "objective": objective, "num_class": "3", "eval_metric": "merror,accuracy"}, classes=3)
            last = self.completed(self.train())[-1]
            merror, accuracy = (float(re.search(rf"validation-{name}:(\S+)", last)[1]) for name in ("merror", "accuracy"))
            self.assertAlmostEqual(merror + accuracy, 1, places=4)

    def test_tuning_objective_is_logged(self):
        self.with_data({"num_round": "2", "_tuning_objective_metric": "validation:mae", "objective": "reg:linear"})
        self.assertIn("validation-mae:", self.completed(self.train())[0])

    def test_early_stopping_keeps_the_best_round(self):
        self.switches = profile_switches("sagemaker-xgboost", "1.2-2")
        self.with_data({"num_round": "400", "eta": "1", "max_depth": "8", "early_stopping_rounds": "3", "eval_metric": "rmse", "objective": "reg:linear"})
        lines = self.completed(self.train())
        scores = [float(line.rsplit(":", 1)[1]) for line in lines]
        self.assertLess(len(lines), 400)
        with open(self.path("model", "xgboost-model"), "rb") as model:
            self.assertEqual(pickle.load(model).num_boosted_rounds(), scores.index(min(scores)) + 1)

    def test_libsvm_is_the_default_and_weights_count(self):
        text = "".join(f"{i % 2}:{1 + i % 3} 1:{i % 2 + 0.01 * i} 3:{i}\n" for i in range(60))
        self.write("input/data/train/part-0", text)
        self.configure({"num_round": "2", "objective": "binary:logistic"}, {"train": {}})
        lines = self.completed(self.train())
        self.assertEqual(len(lines), 2)

    def test_csv_weights(self):
        self.write("input/data/train/a.csv", "".join(f"{i % 2},{1 if i % 2 else 10},5,7\n" for i in range(40)))
        self.configure({"num_round": "1", "csv_weights": "1", "objective": "binary:logistic", "eval_metric": "error"})
        # The features say nothing, so the heavier label wins and the lighter one is the error: 1 of 11.
        self.assertIn("train-error:0.09091", self.completed(self.train())[0])

    def test_files_of_a_channel_are_read_together_three_folders_deep(self):
        self.write("input/data/train/a.csv", rows(20))
        self.write("input/data/train/x/y/b.csv", rows(30))
        self.write("input/data/train/x/y/z/too-deep.csv", rows(40))
        self.write("input/data/train/_SUCCESS", "")
        self.configure({"num_round": "1"})
        result = self.train()
        self.completed(result)
        self.assertIn("Train matrix has 50 rows and 10 columns", result.stdout)
        self.assertIn("exceed the limit", result.stdout)

    def test_delimiters_and_missing_fields(self):
        self.write("input/data/train/a.csv", "1;2;3\n0;;4\n1;5;\n" * 5)
        self.configure({"num_round": "1"}, {"train": {"ContentType": "text/csv; label_size=1"}})
        self.assertIn("15 rows and 2 columns", self.train().stdout)


class Failures(TrainingTestCase):
    def failed(self, message, result=None):
        result = result or self.train()
        self.assertEqual(result.returncode, 1, result.stdout)
        text = self.failure()
        self.assertTrue(text.startswith("framework error: \n"), text)
        self.assertIn(message, text[:1024])
        self.assertNotIn("Traceback", text)
        self.assertNotIn("Stack trace", text)
        self.assertFalse(os.path.exists(self.path("model", "xgboost-model")))
        return text

    def test_golden_messages_are_the_last_line(self):
        for given, message in [
            ({}, "Missing required hyperparameter: num_round"),
            ({"num_round": "5", "silent": "0"}, "Extraneous hyperparameter found: silent"),
            ({"num_round": "5", "eta": "1.2"}, "Hyperparameter eta: 1.2 is not in [0, 1]"),
            ({"num_round": "abc"}, "Hyperparameter num_round: could not parse value (caused by ValueError)"),
        ]:
            self.with_data(given)
            self.assertEqual(self.failed(message).splitlines()[-1], message)

    def test_channels(self):
        for channels, message in [
            ({}, "Missing required channel: train"),
            ({"train": {}, "test": {}}, "Extraneous channel found: test"),
            ({"train": {"ContentType": "application/json"}}, "Channel configuration for 'train' channel is not supported"),
            ({"train": {"ContentType": "text/csv; label_size=2"}}, "Optional parameter label_size must be equal to 1"),
            ({"train": {"ContentType": "libsvm", "TrainingInputMode": "Pipe"}}, "Pipe mode of channel train is not supported for libsvm data"),
        ]:
            self.configure({"num_round": "1"}, channels)
            self.failed(message)

    def test_data(self):
        self.configure({"num_round": "1"})
        os.makedirs(self.path("input", "data", "train"))
        self.failed("No data in training channel path")
        self.write("input/data/train/a.csv", "age,income\n1,2\n")
        self.failed("Failed to load csv data with exception")
        self.write("input/data/train/a.csv", "1,2,3\n1,2,3,4,5\n")
        self.failed("Failed to load csv data with exception")
        self.write("input/data/train/a.csv", ",2,3\n1,2,3\n")
        self.failed("the label (first column) of row 1 is missing")
        self.write("input/data/train/a.csv", "word word\n")
        self.configure({"num_round": "1"}, {"train": {"ContentType": "libsvm"}})
        self.failed("is not 'LIBSVM' format")
        self.write("input/data/train/.hidden", "x")
        self.failed("Hidden file found in the data path!")

    def test_faults_of_the_data_that_xgboost_finds(self):
        self.with_data({"num_round": "1", "objective": "binary:logistic"})
        self.failed("label must be in [0,1] for logistic regression")
        self.with_data({"num_round": "1"}, validation=True)
        self.write("input/data/validation/validation.csv", "1,2\n2,3\n")
        self.failed("The validation channel has 1 feature columns and the train channel 10")


class Interruptions(TrainingTestCase):
    def test_checkpoints_resume_where_they_ended(self):
        self.with_data({"num_round": "4", "objective": "reg:linear"})
        self.write("input/config/checkpointconfig.json", json.dumps({"LocalPath": self.path("checkpoints")}))
        self.completed(self.train())
        self.assertEqual(sorted(os.listdir(self.path("checkpoints"))), [f"xgboost-checkpoint.{n}" for n in range(4)])
        self.write("checkpoints/xgboost-checkpoint.9", b"cut short")
        self.with_data({"num_round": "8", "objective": "reg:linear"})
        lines = self.completed(self.train())
        self.assertEqual([line.split("\t")[0] for line in lines], ["[4]", "[5]", "[6]", "[7]"])
        self.assertNotIn("xgboost-checkpoint.0", os.listdir(self.path("checkpoints")))

    def test_termination_keeps_the_model(self):
        self.with_data({"num_round": "100000", "objective": "reg:linear", "save_model_on_termination": "true"}, validation=False)
        process = subprocess.Popen([os.path.join(ENTRY, "bin", "train")], env=self.environment(), stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        for line in process.stdout:
            if line.startswith("[3]\t"):
                break
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(30), 0)
        self.assertIn("xgboost-model", os.listdir(self.path("model")))


if __name__ == "__main__":
    unittest.main()
