"""The hyperparameter table against AWS's messages, and its gates by release."""
import unittest

import support  # noqa: F401 - puts the entry package on the path
from slipway_entry.faults import UserError
from slipway_entry.image_profile import XGBOOST_RELEASES, ImageProfile
from slipway_entry.xgboost_hyperparameters import table, validate


def profile(release="3.0-5"):
    return ImageProfile({"framework": "xgboost", "release": release})


class Messages(unittest.TestCase):
    def refused(self, given, message, release="3.0-5"):
        with self.assertRaises(UserError) as caught:
            validate(profile(release), given)
        self.assertEqual(str(caught.exception), message)

    def test_golden(self):
        self.refused({}, "Missing required hyperparameter: num_round")
        self.refused({"num_round": "5", "silent": "0"}, "Extraneous hyperparameter found: silent")
        self.refused({"num_round": "5", "eta": "1.2"}, "Hyperparameter eta: 1.2 is not in [0, 1]")
        self.refused({"num_round": "x"}, "Hyperparameter num_round: could not parse value (caused by ValueError)")

    def test_ranges_print_as_aws_prints_them(self):
        for name, value, printed in [
            ("num_round", "0", "0 is not in [1, +inf)"), ("subsample", "0", "0.0 is not in (0, 1]"),
            ("booster", "tree", "tree is not in ['gbtree', 'gblinear', 'dart']"),
            ("tweedie_variance_power", "2", "2.0 is not in (1, 2)"), ("prob_buffer_row", "1", "1 is not in (1.0, +inf)"),
            ("seed", "2147483647", "2147483647 is not in (-2147483648, 2147483647)"), ("scale_pos_weight", "0", "0.0 is not in (0, +inf)"),
            ("tree_method", "fast", "fast is not in ['auto', 'exact', 'approx', 'hist', 'gpu_hist']"),
        ]:
            self.refused({"num_round": "5", name: value}, f"Hyperparameter {name}: {printed}")

    def test_fractions_are_no_integers(self):
        self.refused({"num_round": "5.0"}, "Hyperparameter num_round: could not parse value (caused by ValueError)")
        self.refused({"num_round": "5", "max_depth": "3.5"}, "Hyperparameter max_depth: could not parse value (caused by ValueError)")

    def test_required_is_checked_before_the_unknown(self):
        self.refused({"nonsense": "1"}, "Missing required hyperparameter: num_round")

    def test_dependencies(self):
        self.refused({"num_round": "5", "objective": "multi:softmax"}, "Require input for parameter 'num_class' for multi-classification")
        self.refused({"num_round": "5", "objective": "reg:linear", "eval_metric": "auc"},
                     "Metric 'auc' can only be applied for classification and ranking problems.")
        self.refused({"num_round": "5", "eval_metric": "rmse@2"},
                     "Metric 'rmse@2' is not supported. Parameter 'eval_metric' with customized threshold should be one of these options: "
                     "'error', 'ndcg', 'map'.")
        self.refused({"num_round": "5", "eval_metric": "error@t"}, "Threshold value 't' in 'error@t' expects float input.")
        self.refused({"num_round": "5", "monotone_constraints": "(1,0)"},
                     "monotone_constraints can be used only when the tree_method parameter is set to either 'exact' or 'hist'.")
        self.refused({"num_round": "5", "updater": "refresh,sync", "process_type": "update"},
                     "process_type 'update' can only be used with updater 'refresh' and 'prune'")

    def test_constraints_are_literals_not_programs(self):
        self.refused({"num_round": "5", "tree_method": "hist", "monotone_constraints": "__import__('os').getpid()"},
                     "Hyperparameter monotone_constraints: could not parse value (caused by ValueError)")
        self.refused({"num_round": "5", "tree_method": "hist", "monotone_constraints": "(2,)"},
                     "Hyperparameter monotone_constraints: value (2,) not in range [-1, 0, 1]")


class Values(unittest.TestCase):
    def test_types_and_aliases(self):
        values = validate(profile(), {
            "num_round": "50", "learning_rate": "0.2", "reg_lambda": "1", "eval_metric": "auc,error@0.7", "objective": "binary:logistic",
            "tree_method": "hist", "monotone_constraints": "(1,-1,0)", "interaction_constraints": "[[1,2],[3]]"})
        self.assertEqual(values["num_round"], 50)
        self.assertEqual((values["eta"], values["lambda"]), (0.2, 1.0))
        self.assertEqual(values["eval_metric"], ["auc", "error@0.7"])
        self.assertEqual(values["monotone_constraints"], (1, -1, 0))
        self.assertEqual(values["interaction_constraints"], [[1, 2], [3]])

    def test_every_release_takes_its_own(self):
        first = {  # name -> (a legal value, first release)
            "silent": ("0", "0.90-1"), "aft_loss_distribution": ("normal", "1.2-1"), "_kfold": ("3", "1.2-2"),
            "sampling_method": ("uniform", "1.3-1"), "use_dask_gpu_training": ("false", "1.7-1"),
        }
        gone = {"silent": "1.2-1", "single_precision_histogram": "1.7-1"}
        for release in XGBOOST_RELEASES:
            known = table(profile(release))
            for name, (value, since) in first.items():
                present = XGBOOST_RELEASES.index(release) >= XGBOOST_RELEASES.index(since)
                present = present and not (name in gone and XGBOOST_RELEASES.index(release) >= XGBOOST_RELEASES.index(gone[name]))
                self.assertEqual(name in known, present, f"{name} in {release}")
                if present:
                    validate(profile(release), {"num_round": "1", name: value})

    def test_metrics_by_release(self):
        for metric, since in [("r2", "1.2-1"), ("f1_binary", "1.2-2"), ("recall", "1.3-1"), ("rmse", "0.90-1"), ("f1", "0.90-1")]:
            for release in XGBOOST_RELEASES:
                given = {"num_round": "1", "eval_metric": metric}
                if XGBOOST_RELEASES.index(release) >= XGBOOST_RELEASES.index(since):
                    validate(profile(release), given)
                else:
                    self.assertRaises(UserError, validate, profile(release), given)


if __name__ == "__main__":
    unittest.main()
