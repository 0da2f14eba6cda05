"""Notebook jobs: what is put in, what is kept, and how a failure reads."""
import json
import os
import pathlib
import tempfile
import unittest
from unittest import mock

import support  # noqa: F401 - puts the entry points on the path
from slipway_entry import notebook_job


def notebook(*cells):
    code = [
        {"cell_type": "code", "execution_count": None, "metadata": {"tags": tags}, "outputs": [], "source": source}
        for source, tags in cells
    ]
    return {"cells": code, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}


class NotebookJob(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.base = pathlib.Path(folder.name)
        self.input = self.base / "input" / "data" / "job"
        self.input.mkdir(parents=True)
        (self.base / "input" / "config").mkdir()

    def run_job(self, content, parameters=None, **environment):
        (self.input / "in.ipynb").write_text(json.dumps(content))
        (self.base / "input" / "config" / "hyperparameters.json").write_text(json.dumps(parameters or {}))
        names = {
            "SAGEMAKER_BASE_DIR": str(self.base), "SM_EXECUTION_INPUT_PATH": str(self.input), "SM_INPUT_NOTEBOOK_NAME": "in.ipynb",
            "SM_OUTPUT_NOTEBOOK_NAME": "out.ipynb", "SM_KERNEL_NAME": "python3", **environment,
        }
        with mock.patch.dict(os.environ, names):
            code = notebook_job.main()
        failure = self.base / "output" / "failure"
        done = self.base / "model" / "out.ipynb"
        return code, json.loads(done.read_text()) if done.exists() else None, failure.read_text() if failure.exists() else None

    def test_parameters_stand_behind_the_tagged_cell(self):
        content = notebook(("a = 'default'", ["parameters"]), ("print(a)", []))
        code, done, failure = self.run_job(content, {"a": "it's given"})
        self.assertEqual((code, failure), (0, None))
        self.assertEqual(done["cells"][1]["metadata"]["tags"], ["injected-parameters"])
        self.assertEqual(done["cells"][2]["outputs"][0]["text"], ["it's given\n"])

    def test_a_failing_cell_is_named_and_what_ran_is_kept(self):
        code, done, failure = self.run_job(notebook(("print('ran')", []), ("{}['key']", []), ("print('never')", [])))
        self.assertEqual(code, 1)
        self.assertEqual(failure, "Cell 2 of the notebook failed: KeyError: 'key'")
        self.assertEqual(done["cells"][0]["outputs"][0]["text"], ["ran\n"])
        self.assertEqual(done["cells"][2]["outputs"], [])

    def test_what_cannot_begin_says_why(self):
        code, done, failure = self.run_job(notebook(("1", [])), SM_INPUT_NOTEBOOK_NAME="other.ipynb")
        self.assertEqual((code, done), (1, None))
        self.assertEqual(failure, "The notebook other.ipynb is not in the input of the job (in.ipynb).")
        (self.input / "init.sh").write_text("exit 3")
        code, done, failure = self.run_job(notebook(("1", [])), SM_INIT_SCRIPT="init.sh")
        self.assertEqual(failure, "The initialization script init.sh failed; the notebook was not run.")


if __name__ == "__main__":
    unittest.main()
