"""Modules that scripts written for AWS's XGBoost images import and that are on no package index."""
import json
import unittest

from support import JobTestCase, ServeTestCase, profile_switches

TRAINING = """
import json, os, sys
import xgboost as xgb
from sagemaker_containers import entry_point
from sagemaker_xgboost_container import distributed
from sagemaker_xgboost_container.data_utils import get_dmatrix

train = get_dmatrix(os.environ["SM_CHANNEL_TRAIN"], "csv")
sparse = get_dmatrix(os.environ["SM_CHANNEL_SPARSE"], "text/libsvm")
empty = get_dmatrix(os.environ["SM_CHANNEL_EMPTY"], "csv")
entry_point._wait_hostname_resolution()

def fit(is_master, rounds):
    booster = xgb.train({}, train, rounds)
    booster.save_model(os.path.join(os.environ["SM_MODEL_DIR"], "xgboost-model"))
    with open(os.path.join(os.environ["SM_MODEL_DIR"], "report.json"), "w") as file:
        json.dump([train.num_row(), train.num_col(), train.get_label().tolist(), sparse.num_row(), empty, is_master], file)

distributed.rabit_run(exec_fun=fit, args={"rounds": 2}, include_in_training=True, hosts=json.loads(os.environ["SM_HOSTS"]),
                      current_host=os.environ["SM_CURRENT_HOST"], update_rabit_args=True)
"""

SERVING = """
import sagemaker_xgboost_container.encoder as xgb_encoders

def model_fn(model_dir):
    return None
def input_fn(body, content_type):
    return xgb_encoders.csv_to_dmatrix(body) if content_type == "text/csv" else xgb_encoders.libsvm_to_dmatrix(body)
def predict_fn(data, model):
    return [data.num_row(), data.num_col()]
def output_fn(prediction, accept):
    return ",".join(str(part) for part in prediction)
"""


class Training(JobTestCase):
    def test_channels_are_read_and_the_only_host_trains(self):
        self.write("staged/train.py", TRAINING)
        self.write("input/data/train/rows.csv", "1,0.5,2\n0,0.25,3\n")
        self.write("input/data/sparse/rows.libsvm", "1 0:0.5 3:2\n")
        self.write("input/data/empty/none.csv", "")
        channels = {name: {"ContentType": "text/csv"} for name in ("train", "sparse", "empty")}
        self.configure({"sagemaker_program": "train.py", "sagemaker_submit_directory": self.path("staged")}, channels)
        result = self.train()
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        with open(self.path("model", "report.json"), encoding="utf-8") as file:
            self.assertEqual(json.load(file), [2, 2, [1.0, 0.0], 1, None, True])


class Serving(ServeTestCase):
    def test_bodies_become_matrices(self):
        self.write("model/code/inference.py", SERVING)
        self.serve(SAGEMAKER_PROGRAM="inference.py")
        self.assertEqual(self.invoke("1,2,3\n4,5,6")[2], b"2,3")
        self.assertEqual(self.invoke("0:1 3:2", "text/libsvm")[2], b"1,4")


FRAMEWORK = """
import json
from sagemaker_containers.beta.framework import content_types, encoders, env, modules, transformer, worker

def model_fn(model_dir):
    assert env.model_dir == model_dir
    return None
def input_fn(body, content_type):
    return encoders.decode(body, content_type)
def predict_fn(data, model):
    return data * 2
def output_fn(prediction, accept):
    if accept == content_types.CSV:
        return worker.Response(encoders.encode(prediction, accept), accept, mimetype=accept)
    if accept == "text/used":
        return modules.import_module
    return worker.Response(json.dumps({"instances": prediction.tolist()}), status=201, mimetype="application/json")
"""


class OldToolkit(ServeTestCase):
    def test_scripts_for_the_old_toolkit_answer(self):
        self.write("model/code/inference.py", FRAMEWORK)
        self.switches = profile_switches("sagemaker-scikit-learn", "1.2-1")
        self.serve(SAGEMAKER_PROGRAM="inference.py")
        self.assertEqual(self.invoke("1,2\n3,4", Accept="text/csv")[::2], (200, b"2.0,4.0\n6.0,8.0\n"))
        status, headers, body = self.invoke("1,2\n3,4", Accept="application/json")
        self.assertEqual((status, headers["content-type"], json.loads(body)), (201, "application/json", {"instances": [[2.0, 4.0], [6.0, 8.0]]}))
        status, _, body = self.invoke("1,2", Accept="text/used")
        self.assertEqual(status, 500)
        self.assertIn(b"modules.import_module is not there", body)


if __name__ == "__main__":
    unittest.main()
