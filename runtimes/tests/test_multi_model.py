"""Many models behind one server: loading, asking, unloading, and what is refused."""
import json
import os
import unittest

import numpy as np
import xgboost as xgb
from support import ServeTestCase, profile_switches

SCRIPT = """
import json, os
NAME = {name!r}
def model_fn(model_dir): return json.load(open(os.path.join(model_dir, "weights.json")))
def transform_fn(model, body, content_type, accept): return NAME + " " + str(sum(model)), "text/plain"
"""


class MultiModel(ServeTestCase):
    def booster(self, name, factor):
        rows = np.random.default_rng(7).random((100, 3))
        booster = xgb.train({"max_depth": 2}, xgb.DMatrix(rows, factor * rows.sum(axis=1)), 5)
        os.makedirs(self.path("models", name, "model"))
        booster.save_model(self.path("models", name, "model", "xgboost-model.ubj"))
        return float(booster.predict(xgb.DMatrix(np.array([[0.1, 0.5, 0.9]])))[0])

    def load(self, name):
        return self.request("POST", "/models", json.dumps({"model_name": name, "url": self.path("models", name, "model")}))[0]

    def ask(self, name, body="0.1,0.5,0.9"):
        return self.request("POST", f"/models/{name}/invoke", body, Content_Type="text/csv")

    def test_boosters_come_and_go(self):
        expected = {name: self.booster(name, factor) for name, factor in (("one", 1), ("five", 5))}
        self.serve(SAGEMAKER_MULTI_MODEL="true")
        self.assertEqual(self.request("GET", "/ping")[0], 200)
        self.assertEqual(self.ask("one")[0], 404)
        for name, value in expected.items():
            self.assertEqual(self.load(name), 200)
            self.assertAlmostEqual(float(self.ask(name)[2]), value, places=5)
        self.assertEqual(self.load("one"), 409)
        listed = json.loads(self.request("GET", "/models")[2])["models"]
        self.assertEqual([one["modelName"] for one in listed], ["one", "five"])
        self.assertEqual(json.loads(self.request("GET", "/models/five")[2])[0]["modelUrl"], self.path("models", "five", "model"))
        self.assertEqual(self.request("DELETE", "/models/one")[0], 200)
        self.assertEqual((self.ask("one")[0], self.request("DELETE", "/models/one")[0]), (404, 404))
        self.assertEqual(self.load("one"), 200)
        self.assertAlmostEqual(float(self.ask("one")[2]), expected["one"], places=5)

    def test_what_cannot_be_loaded_says_why_and_leaves_the_others(self):
        self.booster("good", 1)
        os.makedirs(self.path("models", "empty", "model"))
        self.serve(SAGEMAKER_MULTI_MODEL="true")
        self.assertEqual(self.load("good"), 200)
        status, _, body = self.request("POST", "/models", json.dumps({"model_name": "empty", "url": self.path("models", "empty", "model")}))
        self.assertEqual(status, 500)
        self.assertIn(b"holds no model file", body)
        self.assertEqual(self.load("none"), 404)
        for body in ("no JSON", "[]", '{"model_name": "../x", "url": "/"}', '{"model_name": "x"}'):
            self.assertEqual(self.request("POST", "/models", body)[0], 400)
        self.assertEqual((self.request("GET", "/other")[0], self.request("POST", "/models/a/b/c")[0], self.invoke("1,2,3")[0]), (404, 404, 400))
        self.assertEqual(self.ask("good")[0], 200)

    def test_one_too_many_for_the_memory_is_refused_before_it_is_loaded(self):
        self.booster("first", 1)
        self.booster("second", 1)
        self.serve(SAGEMAKER_MULTI_MODEL="true", SLIPWAY_SERVE_MEMORY_MIB="1")
        self.assertEqual((self.load("first"), self.load("second")), (200, 507), "the first has to be tried: nothing could make room for it")
        self.assertEqual(self.request("DELETE", "/models/first")[0], 200)
        self.assertEqual(self.load("second"), 200)

    def test_each_archive_has_code_of_its_own(self):
        self.switches = profile_switches("sagemaker-scikit-learn", "1.2-1")
        for name, weights in (("left", "[1, 2]"), ("right", "[3, 4]")):
            self.write(f"models/{name}/model/code/inference.py", SCRIPT.format(name=name))
            self.write(f"models/{name}/model/weights.json", weights)
        self.serve(SAGEMAKER_MULTI_MODEL="true")
        self.assertEqual((self.load("left"), self.load("right")), (200, 200))
        self.assertEqual((self.ask("left")[2], self.ask("right")[2]), (b"left 3", b"right 7"))


if __name__ == "__main__":
    unittest.main()
