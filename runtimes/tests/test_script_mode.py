"""Script mode: the user's training program and model-serving functions."""
import io
import json
import os
import signal
import subprocess
import tarfile
import unittest

import numpy as np

from support import ENTRY, JobTestCase, ServeTestCase, profile_switches
from slipway_entry.archives import extract_tar
from slipway_entry.faults import UserError
from slipway_entry.script_training import error_summary
from slipway_entry.training_environment import decode_hyperparameters, to_arguments, to_variables

REPORT = """
import json, os, sys
json.dump({"argv": sys.argv[1:], "env": dict(os.environ), "cwd": os.getcwd()}, open(os.path.join(os.environ["SM_MODEL_DIR"], "report.json"), "w"))
"""


def archive(members):
    """A tar.gz of `name -> text` or TarInfo."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                tar.addfile(content)
                continue
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content.encode()))
    return buffer.getvalue()


def link(name, target, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


class Forms(unittest.TestCase):
    def test_hyperparameters_are_json_or_text(self):
        self.assertEqual(decode_hyperparameters({"a": "10", "b": '"x"', "c": "reg:linear", "d": "[1, 2]", "e": "true"}),
                         {"a": 10, "b": "x", "c": "reg:linear", "d": [1, 2], "e": True})

    def test_arguments(self):
        self.assertEqual(to_arguments({"n-estimators": 10, "b": True, "a": {"y": 1, "x": 2}, "none": None, "text": "a b"}),
                         ["-a", "x=2,y=1", "-b", "True", "--n-estimators", "10", "--none", "", "--text", "a b"])

    def test_variables(self):
        self.assertEqual(to_variables({"hp_n-estimators": 10, "channels": ["b"], "none": None, "hps": {"b": 1, "a": "x"}, "is_hetero": False}),
                         {"SM_HP_N-ESTIMATORS": "10", "SM_CHANNELS": '["b"]', "SM_NONE": "", "SM_HPS": '{"a":"x","b":1}', "SM_IS_HETERO": "false"})

    def test_the_error_is_found_in_the_output(self):
        lines = ["starting", "Traceback (most recent call last):", '  File "train.py", line 3, in <module>', "    main()",
                 '  File "train.py", line 2, in main', '    raise ValueError("boom")', "ValueError: boom"]
        self.assertEqual(error_summary(lines), 'raise ValueError("boom")\n ValueError: boom')
        self.assertEqual(error_summary(["one", "two"]), "one\n two")
        self.assertEqual(error_summary([]), "")


class ScriptTraining(JobTestCase):
    def setUp(self):
        super().setUp()
        self.switches = profile_switches("sagemaker-scikit-learn", "1.2-1")

    def with_script(self, files, program="train.py", **hyperparameters):
        source = self.write("staged/sourcedir.tar.gz", archive(files))
        self.configure({"sagemaker_program": json.dumps(program), "sagemaker_submit_directory": json.dumps(source), **hyperparameters}, {"train": {}})

    def report(self):
        with open(self.path("model", "report.json"), encoding="utf-8") as file:
            return json.load(file)

    def test_arguments_variables_and_folder(self):
        self.with_script({"train.py": REPORT}, **{"n-estimators": "10", "loss": '"log_loss"', "sagemaker_job_name": '"job"', "sagemaker_mpi": "1"})
        result = self.train(SOMETHING="kept")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        report = self.report()
        self.assertEqual(report["argv"], ["--loss", "log_loss", "--n-estimators", "10"])
        self.assertEqual(report["cwd"], os.path.realpath(self.path("code")))
        env = report["env"]
        for name, value in {
            "SM_CHANNEL_TRAIN": self.path("input", "data", "train"), "SM_MODEL_DIR": self.path("model"), "SM_HP_N-ESTIMATORS": "10",
            "SM_HPS": '{"loss":"log_loss","n-estimators":10}', "SM_HOSTS": '["algo-1"]', "SM_CURRENT_HOST": "algo-1", "SM_NUM_GPUS": "0",
            "SM_OUTPUT_DATA_DIR": self.path("output", "data"), "SM_USER_ENTRY_POINT": "train.py", "SM_MODULE_NAME": "train",
            "SM_USER_ARGS": '["--loss","log_loss","--n-estimators","10"]', "SM_FRAMEWORK_PARAMS": '{"sagemaker_mpi":1}', "SOMETHING": "kept",
        }.items():
            self.assertEqual(env.get(name), value, name)
        self.assertEqual(json.loads(env["SM_TRAINING_ENV"])["hyperparameters"], {"loss": "log_loss", "n-estimators": 10})

    def test_also_in_xgboost_images_and_from_a_folder(self):
        self.switches = profile_switches("sagemaker-xgboost", "1.7-1")
        self.write("staged/dir/train.py", REPORT)
        self.configure({"sagemaker_program": "train.py", "sagemaker_submit_directory": self.path("staged", "dir")}, {})
        self.assertEqual(self.train().returncode, 0)
        self.assertEqual(self.report()["argv"], [])

    def test_code_that_is_there_already_is_kept(self):
        self.write("code/train.py", REPORT)
        self.configure({"sagemaker_submit_directory": '"s3://nowhere/source.tar.gz"'}, {})
        self.assertEqual(self.train(SAGEMAKER_PROGRAM="train.py").returncode, 0)

    def test_shell_scripts(self):
        self.with_script({"run.sh": '#!/bin/sh\necho "got $*" > "$SM_MODEL_DIR/out"\n'}, "run.sh", x="a b")
        result = self.train()
        self.assertEqual(result.returncode, 0, result.stderr)
        with open(self.path("model", "out"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "got -x a b\n")

    def test_a_failing_script_says_why(self):
        self.with_script({"train.py": 'print("before", flush=True)\nraise ValueError("the column target is missing")\n'}, depth="3")
        result = self.train()
        self.assertEqual(result.returncode, 1)
        lines = self.failure().split("\n")
        self.assertEqual(lines[:2], ["ExecuteUserScriptError:", "ExitCode 1"])
        self.assertIn("ValueError: the column target is missing", self.failure()[:1024])
        self.assertRegex(lines[-1], r'^Command ".*python3? train\.py --depth 3"$')
        self.assertIn("before", result.stdout)
        self.assertIn("Traceback", result.stderr)

    def test_a_killed_script_is_told_apart(self):
        self.with_script({"train.py": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n"})
        self.train()
        self.assertIn("OutOfMemory: Process killed by SIGKILL (signal 9)", self.failure())

    def test_what_is_missing_is_named(self):
        self.with_script({"other.py": ""})
        self.train()
        self.assertIn("sagemaker_program train.py is not in the source folder; it has: other.py", self.failure())
        self.configure({}, {})
        self.train()
        self.assertIn("sagemaker_program and sagemaker_submit_directory", self.failure())
        self.configure({"sagemaker_program": "train.py", "sagemaker_submit_directory": "/nowhere"}, {})
        os.rename(self.path("code"), self.path("old"))
        self.train()
        self.assertIn("/nowhere, which is neither an S3 address nor", self.failure())

    def test_requirements_are_installed_for_this_job(self):
        self.write("staged/package/pyproject.toml", "")
        self.with_script({"train.py": "", "requirements.txt": "slipway-no-such-distribution-xyz\n"})
        result = self.train(PIP_NO_INDEX="1")
        self.assertEqual(result.returncode, 1)
        self.assertTrue(self.failure().startswith("InstallRequirementsError:\nExitCode 1\n"), self.failure())
        self.assertIn("No matching distribution found for slipway-no-such-distribution-xyz", self.failure())

    def test_stop_reaches_the_script(self):
        self.with_script({"train.py": "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *a: (open('stopped', 'w').close(), sys.exit(0)))\n"
                                      "print('ready', flush=True)\nwhile True: time.sleep(0.05)\n"})
        process = subprocess.Popen([os.path.join(ENTRY, "bin", "train")], env=self.environment(), stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        for line in process.stdout:
            if line == "ready\n":
                break
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(30), 0)
        self.assertTrue(os.path.exists(self.path("code", "stopped")))


class Archives(JobTestCase):
    def test_members_that_escape_are_refused(self):
        device = tarfile.TarInfo("device")
        device.type = tarfile.CHRTYPE
        for members in [
            {"../out": "x"}, {"/etc/x": "x"}, {"a/../../out": "x"}, {"l": link("l", "/etc/passwd")}, {"l": link("l", "../out")},
            {"h": link("h", "../out", tarfile.LNKTYPE)}, {"device": device}, {"a": link("a", "b/.."), "b": link("b", ".."), "b/out": "x"},
        ]:
            path = self.write("evil.tar.gz", archive(members))
            with self.subTest(members=members), self.assertRaises((UserError, OSError)):
                extract_tar(path, self.path("target"))
            self.assertFalse(os.path.exists(self.path("out")))

    def test_links_inside_are_fine(self):
        path = self.write("good.tar.gz", archive({"a/real": "text", "a/link": link("a/link", "real")}))
        extract_tar(path, self.path("target"))
        with open(self.path("target", "a", "link"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "text")

    def test_no_archive(self):
        with self.assertRaises(UserError):
            extract_tar(self.write("text", "no tar"), self.path("target"))


MODEL = """
import json, os
def model_fn(model_dir):
    return json.load(open(os.path.join(model_dir, "weights.json")))
"""
LINEAR = MODEL + """
class Linear:
    def __init__(self, weights): self.weights = weights
    def predict(self, rows): return rows @ self.weights
import numpy as np
plain_model_fn = model_fn
def model_fn(model_dir): return Linear(np.array(plain_model_fn(model_dir)))
"""


class ScriptServing(ServeTestCase):
    def start(self, source, **environment):
        self.switches = profile_switches("sagemaker-scikit-learn", "1.2-1")
        self.write("model/code/inference.py", source)
        self.write("model/weights.json", "[1.0, 2.0]")
        self.serve(**environment)

    def test_default_handlers(self):
        self.start(LINEAR)
        self.assertEqual(self.invoke("[[1, 1], [2, 3]]", "application/json")[2], b"[3.0, 8.0]")
        self.assertEqual(self.invoke("1,1\n2,3", Accept="text/csv")[2], b"3.0\n8.0\n")
        self.assertEqual(self.invoke("2,3")[2], b"[8.0]")
        buffer = io.BytesIO()
        np.save(buffer, np.array([[1.0, 1.0]]))
        status, headers, body = self.invoke(buffer.getvalue(), "application/x-npy", Accept="application/x-npy")
        self.assertEqual((status, headers["content-type"], np.load(io.BytesIO(body)).tolist()), (200, "application/x-npy", [3.0]))
        self.assertEqual(self.invoke("x", "image/png")[0], 415)
        self.assertEqual(self.invoke("1,1", Accept="image/png")[0], 406)
        status, _, body = self.invoke("1,1,1")
        self.assertEqual(status, 500)
        self.assertTrue(body.startswith(b"ValueError: "), body)
        self.assertNotIn(b"Traceback", body)

    def test_own_handlers_and_context(self):
        self.start(MODEL + """
def input_fn(body, content_type, context):
    assert isinstance(body, str), type(body)
    return [float(part) for part in body.split(",")] + [context.get_request_header(0, "X-Factor")]
def predict_fn(data, model):
    return sum(a * b for a, b in zip(data, model)) * float(data[-1])
def output_fn(prediction, accept):
    return f"<{prediction}>", "text/plain"
""")
        status, headers, body = self.invoke("1,1", "text/csv", X_Factor="2")
        self.assertEqual((status, headers["content-type"], body), (200, "text/plain", b"<6.0>"))

    def test_transform_fn(self):
        self.start(MODEL + "def transform_fn(model, body, content_type, accept):\n    return [model, body, content_type], accept\n")
        self.assertEqual(json.loads(self.invoke("1,1")[2]), [[1.0, 2.0], "1,1", "text/csv"])
        self.assertEqual(json.loads(self.invoke("{}", "application/json", Accept="application/json")[2])[1], "{}")

    def test_what_a_generator_makes_is_streamed(self):
        self.start(MODEL + "def transform_fn(model, body, content_type, accept):\n    yield 'text '\n    yield b'bytes '\n    yield {'a': 1}\n")
        status, headers, body = self.invoke("1,1", "text/csv", Accept="text/plain")
        self.assertEqual((status, headers["content-type"], body), (200, "text/plain", b'text bytes {"a": 1}\n'))
        self.assertEqual(headers["transfer-encoding"], "chunked")

    def test_a_prediction_that_is_a_generator_is_streamed_without_output_fn(self):
        self.start(LINEAR + "def predict_fn(data, model):\n    return (f'{one} ' for one in model.predict(data))\n")
        self.assertEqual(self.invoke("1,1\n2,3")[2], b"3.0 8.0 ")

    def test_program_and_source_by_environment(self):
        self.write("elsewhere/entry.py", LINEAR)
        self.start("raise RuntimeError('not this one')", SAGEMAKER_PROGRAM="entry.py", SAGEMAKER_SUBMIT_DIRECTORY=self.path("elsewhere"))
        self.assertEqual(self.invoke("1,1")[2], b"[3.0]")

    def test_blocking_code_does_not_stop_ping(self):
        self.start(MODEL + """
import time
def predict_fn(data, model):
    open(os.path.join(os.environ["SAGEMAKER_BASE_DIR"], "busy"), "w").close()
    while not os.path.exists(os.path.join(os.environ["SAGEMAKER_BASE_DIR"], "go")):
        time.sleep(0.01)
    return [1]
""")
        client = self.connect()
        client.sendall(b"POST /invocations HTTP/1.1\r\nContent-Type: text/csv\r\nContent-Length: 3\r\n\r\n1,1")
        self.assertEqual(self.request("GET", "/ping")[0], 200)
        self.write("go", "")
        self.assertTrue(client.recv(100).startswith(b"HTTP/1.1 200 OK"))

    def fails_to_start(self, source, message):
        with self.assertRaises(AssertionError) as caught:
            self.start(source)
        self.assertIn(message, str(caught.exception))
        self.assertEqual(self.server.wait(30), 1)

    def test_broken_modules(self):
        self.fails_to_start("", "Please provide a model_fn implementation")
        self.fails_to_start(MODEL + "def transform_fn(a, b, c, d): pass\ndef predict_fn(a, b): pass\n", "Cannot use transform_fn implementation with input_fn")
        self.fails_to_start("def model_fn(d): raise OSError('no weights')", "OSError: no weights")
        os.unlink(self.path("model", "code", "inference.py"))
        with self.assertRaises(AssertionError) as caught:
            self.serve()
        self.assertIn("program inference.py is not in", str(caught.exception))


class Launchers(JobTestCase):
    def test_distribution_that_would_not_happen_is_refused(self):
        self.write("code/train.py", "print('alone')")
        self.configure({"sagemaker_program": '"train.py"', "sagemaker_mpi_enabled": "true"}, {})
        self.assertEqual(self.train().returncode, 1)
        self.assertIn("starting the script by MPI is not supported yet", self.failure())


if __name__ == "__main__":
    unittest.main()
