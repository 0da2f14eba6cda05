"""The built-in algorithm on several hosts: one model of all their data, as good as one host makes."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from support import ENTRY, JobTestCase
from test_xgboost_training import rows


class ClusterTestCase(JobTestCase):
    def setUp(self):
        super().setUp()
        # loopback addresses stand for names; other tests on this machine have others
        self.hosts = [f"127.{64 + os.getpid() % 64}.{os.getpid() // 64 % 256}.{n}" for n in (1, 2, 3)]

    def host(self, number, count, hyperparameters, files, channels=None, checkpoints=False):
        """A tree of its own for one host; the job it runs, as a process."""
        base = tempfile.mkdtemp(prefix="slipway-runtime-")
        self.addCleanup(shutil.rmtree, base, ignore_errors=True)
        self.base = base
        for place, content in files.items():
            self.write(place, content)
        for channel in channels or {"train": {"ContentType": "text/csv"}}:
            os.makedirs(self.path("input", "data", channel), exist_ok=True)
        self.configure(hyperparameters, channels, self.hosts[:count])
        self.write("input/config/resourceconfig.json", json.dumps({"current_host": self.hosts[number], "hosts": self.hosts[:count]}))
        if checkpoints:
            self.write("input/config/checkpointconfig.json", json.dumps({"LocalPath": self.path("checkpoints")}))
        process = subprocess.Popen([os.path.join(ENTRY, "bin", "train")], env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return base, process

    def end(self, started):
        """(exit code, output, names in the model folder) of each."""
        ended = []
        for base, process in started:
            output = process.communicate(timeout=120)[0]
            model = os.path.join(base, "model")
            ended.append((process.returncode, output, os.listdir(model) if os.path.isdir(model) else []))
        return ended


def score(output):
    return float(re.findall(r"\ttrain-rmse:(\S+)", output)[-1])


class Cluster(ClusterTestCase):
    parameters = {"num_round": "20", "objective": "reg:squarederror"}

    def test_two_hosts_train_one_model_as_good_as_one_hosts(self):
        lines = rows(600).splitlines(keepends=True)
        halves = ["".join(lines[::2]), "".join(lines[1::2])]
        (code, alone, _), = self.end([self.host(0, 1, self.parameters, {"input/data/train/all.csv": "".join(lines)})])
        self.assertEqual(code, 0, alone)
        started = [self.host(n, 2, self.parameters, {"input/data/train/part.csv": halves[n]}) for n in (0, 1)]
        (first_code, first, model), (second_code, second, other) = self.end(started)
        self.assertEqual((first_code, second_code), (0, 0), first + second)
        self.assertEqual((model, other), (["xgboost-model"], []))
        self.assertAlmostEqual(score(first), score(alone), delta=score(alone) * 0.2)
        self.assertEqual(re.findall(r"train-rmse", second), [], "one host logs")
        self.assertIn("Current host is rank 1", second)

    def test_a_host_without_data_is_left_out(self):
        started = [
            self.host(0, 3, self.parameters, {}),
            self.host(1, 3, self.parameters, {"input/data/train/a.csv": rows(100)}),
            self.host(2, 3, self.parameters, {"input/data/train/b.csv": rows(100, 1)}),
        ]
        ended = self.end(started)
        self.assertEqual([code for code, _, _ in ended], [0, 0, 0], ended)
        self.assertEqual([names for _, _, names in ended], [[], ["xgboost-model"], []])
        self.assertIn("will not be used in distributed training", ended[0][1])

    def test_sparse_hosts_may_end_at_different_columns(self):
        channels = {"train": {"ContentType": "text/libsvm"}}
        data = ["".join(f"{i} 0:{i} 2:1\n" for i in range(50)), "".join(f"{i} 0:{i}\n" for i in range(50))]
        started = [self.host(n, 2, self.parameters, {"input/data/train/a": data[n]}, channels) for n in (0, 1)]
        self.assertEqual([code for code, _, _ in self.end(started)], [0, 0])

    def test_faults_are_told(self):
        for count, contents, message in (
            (2, ["", ""], "No data in training channel path"),
            (2, ["1,2,3\n4,5,6\n", "1,2\n3,4\n"], "differ in the number of feature columns: [1, 2]"),
        ):
            ended = self.end([self.host(n, count, self.parameters, {"input/data/train/a.csv": contents[n]}) for n in range(count)])
            for code, output, _ in ended:
                self.assertEqual(code, 1, output)
                self.assertIn(message, output)

    def test_checkpoints_are_the_masters_and_all_go_on_from_them(self):
        def run(rounds, masters):
            started = []
            for n, kept in enumerate((masters, {})):
                files = {f"checkpoints/{name}": content for name, content in kept.items()}
                started.append(self.host(n, 2, dict(self.parameters, num_round=rounds), {"input/data/train/a.csv": rows(100, n), **files}, checkpoints=True))
            ended = self.end(started)
            self.assertEqual([code for code, _, _ in ended], [0, 0], ended)
            return ended, [os.path.join(base, "checkpoints") for base, _ in started]

        _, (masters, others) = run("3", {})
        self.assertFalse(os.path.exists(others))
        content = {}
        for name in os.listdir(masters):
            with open(os.path.join(masters, name), "rb") as file:
                content[name] = file.read()
        self.assertEqual(sorted(content), [f"xgboost-checkpoint.{n}" for n in range(3)])
        ended, _ = run("5", content)
        self.assertEqual(re.findall(r"^\[(\d)\]\t", ended[0][1], re.MULTILINE), ["3", "4"])


SCRIPT = """
import json, os
import xgboost as xgb
from sagemaker_xgboost_container import distributed
from sagemaker_xgboost_container.data_utils import get_dmatrix

data = get_dmatrix(os.environ["SM_CHANNEL_TRAIN"], "csv")
def fit(is_master, rounds):
    booster = xgb.train({}, data, rounds)
    if is_master:
        booster.save_model(os.path.join(os.environ["SM_MODEL_DIR"], "xgboost-model"))
distributed.rabit_run(exec_fun=fit, args={"rounds": 2}, include_in_training=data is not None, hosts=json.loads(os.environ["SM_HOSTS"]),
                      current_host=os.environ["SM_CURRENT_HOST"], update_rabit_args=True)
"""


class Scripts(ClusterTestCase):
    def test_a_script_runs_on_the_hosts_with_data(self):
        parameters = {"sagemaker_program": '"fit.py"'}
        started = [self.host(n, 2, parameters, {"code/fit.py": SCRIPT, "input/data/train/a.csv": rows(80, n)}) for n in (0, 1)]
        ended = self.end(started)
        self.assertEqual([code for code, _, _ in ended], [0, 0], ended)
        self.assertEqual([names for _, _, names in ended], [["xgboost-model"], []])


if __name__ == "__main__":
    unittest.main()
