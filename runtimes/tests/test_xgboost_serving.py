"""The built-in model server against AWS's table of answers (texts measured on its own code)."""
import json
import os
import pickle
import signal
import unittest

import numpy as np
import xgboost

from support import ServeTestCase, profile_switches

WIDTH = 10
ROW = ",".join(["0.5"] * WIDTH)


def booster(seed=0, objective="reg:squarederror", **parameters):
    random = np.random.default_rng(seed)
    features = random.normal(size=(200, WIDTH)).astype(np.float32)
    features[random.random(features.shape) < 0.1] = np.nan
    label = np.nan_to_num(features[:, 0]) * 2 + seed
    if objective.startswith(("binary", "multi")):
        label = np.digitize(label, [-1, 1] if objective.startswith("multi") else [0])
    return xgboost.train({"objective": objective, "max_depth": 3, **parameters}, xgboost.DMatrix(features, label), 5)


class XgboostServing(ServeTestCase):
    def put(self, model, name="xgboost-model", pickled=False):
        self.write(f"model/{name}", pickle.dumps(model) if pickled else bytes(model.save_raw("ubj")))

    def start(self, tag="3.0-5", model=None, pickled=False, **environment):
        self.switches = profile_switches("sagemaker-xgboost", tag)
        self.model = model or booster()
        self.put(self.model, pickled=pickled)
        self.serve(**environment)

    def expected(self, *rows):
        return self.model.predict(xgboost.DMatrix(np.array(rows, np.float32)), validate_features=False).tolist()

    def answered(self, answer, status, content_type, body):
        self.assertEqual((answer[0], answer[1].get("content-type"), answer[2].decode()), (status, content_type, body))


class Answers(XgboostServing):
    def test_ping_and_execution_parameters(self):
        self.start()
        self.assertEqual(self.request("GET", "/ping")[0], 200)
        status, headers, body = self.request("GET", "/execution-parameters")
        self.assertEqual((status, headers["content-type"]), (200, "application/json"))
        self.assertEqual(json.loads(body), {"MaxConcurrentTransforms": len(os.sched_getaffinity(0)), "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 6})

    def test_csv_is_one_prediction_per_line(self):
        self.start()
        one, two = self.expected([0.5] * WIDTH, [1.5] * WIDTH)
        self.answered(self.invoke(ROW), 200, "text/csv; charset=utf-8", f"{one}\n")
        self.answered(self.invoke(f"{ROW}\n{ROW.replace('0.5', '1.5')}\n"), 200, "text/csv; charset=utf-8", f"{one}\n{two}\n")
        self.answered(self.invoke(ROW.replace(",", ";"), "text/csv; charset=utf-8"), 200, "text/csv; charset=utf-8", f"{one}\n")
        self.answered(self.invoke(ROW, Accept="*/*"), 200, "text/csv; charset=utf-8", f"{one}\n")

    def test_json_has_the_scores_as_python_writes_floats(self):
        self.start()
        one, two = self.expected([0.5] * WIDTH, [1.5] * WIDTH)
        body = json.dumps({"predictions": [{"score": one}, {"score": two}]})
        self.assertRegex(body, r'^\{"predictions": \[\{"score": -?\d+\.\d{10,}\}')
        self.answered(self.invoke(f"{ROW}\n{ROW.replace('0.5', '1.5')}", Accept="application/json"), 200, "application/json", body)

    def test_missing_columns_and_fields_are_missing_values(self):
        self.start()
        nan = float("nan")
        self.answered(self.invoke("1,2,3"), 200, "text/csv; charset=utf-8", f"{self.expected([1, 2, 3] + [nan] * 7)[0]}\n")
        row = [nan, 2] + [0.5] * 8
        self.answered(self.invoke(",2," + ",".join(["0.5"] * 8)), 200, "text/csv; charset=utf-8", f"{self.expected(row)[0]}\n")

    def test_libsvm_counts_from_one(self):
        self.start()
        nan = float("nan")
        want = f"{self.expected([7, nan, 3] + [nan] * 7)[0]}\n"
        self.answered(self.invoke("1:7 3:3", "text/libsvm"), 200, "text/csv; charset=utf-8", want)
        self.answered(self.invoke("0:7 2:3", "text/x-libsvm"), 200, "text/csv; charset=utf-8", want)

    def test_refusals(self):
        self.start()
        self.answered(self.invoke(ROW, Accept="image/png"), 406, "text/html; charset=utf-8",
                      "Accept type image/png is not supported. Please use supported accept types: ['application/json', "
                      "'application/jsonlines', 'application/x-recordio-protobuf', 'text/csv'].")
        self.answered(self.invoke("{}", "application/json"), 415, "text/html; charset=utf-8",
                      "application/json is not an accepted ContentType: csv, libsvm, parquet, recordio-protobuf, text/csv, text/libsvm, "
                      "text/x-libsvm, application/x-parquet, application/x-recordio-protobuf.")
        self.answered(self.invoke("a,b,c"), 415, "text/html; charset=utf-8",
                      "Loading csv data failed with Exception, please ensure data is in csv format:\n <class 'ValueError'>\n "
                      "could not convert string to float: 'a'")
        self.assertEqual(self.invoke("1,2\n1,2,3")[0], 415)
        self.assertEqual(self.invoke(b"\xff\xfe,1")[0], 415)
        self.assertEqual(self.invoke("1:x", "text/libsvm")[0], 415)
        self.assertEqual(self.invoke("")[0], 204)
        self.assertEqual(self.invoke(ROW, Accept="application/jsonlines")[0], 500)
        status, _, body = self.invoke(",".join(["1"] * 20))
        self.assertEqual(status, 400)
        self.assertTrue(body.startswith(b"Unable to evaluate payload provided: "), body)

    def test_oversized(self):
        self.start()
        client = self.connect()
        client.sendall(b"POST /invocations HTTP/1.1\r\nContent-Length: 6291457\r\n\r\n")
        self.assertTrue(client.recv(100).startswith(b"HTTP/1.1 413 "))


class OlderImages(XgboostServing):
    def test_predictions_are_joined_by_commas_and_accept_is_ignored(self):
        for tag in ("1.0-1", "1.2-1"):
            self.start(tag, pickled=True)
            one, two = self.expected([0.5] * WIDTH, [1.5] * WIDTH)
            for accept in ("application/json", "image/png"):
                self.answered(self.invoke(f"{ROW}\n{ROW.replace('0.5', '1.5')}", Accept=accept), 200, "text/csv; charset=utf-8", f"{one},{two}")

    def test_batch_is_one_per_line(self):
        self.start("1.0-1", pickled=True, SAGEMAKER_BATCH="true")
        one = self.expected([0.5] * WIDTH)[0]
        self.answered(self.invoke(f"{ROW}\n{ROW}"), 200, "text/csv; charset=utf-8", f"{one}\n{one}\n")

    def test_pickled_models_refuse_missing_columns(self):
        self.start("1.2-2", pickled=True)
        status, _, body = self.invoke("1,2,3")
        self.assertEqual((status, body.decode()),
                         (400, "Unable to evaluate payload provided: Feature size of csv inference data 3 is not consistent with feature size of trained model 10."))
        self.assertEqual(self.invoke("1:1 30:1", "text/libsvm")[0], 400)

    def test_native_models_load_in_old_images_and_pickles_in_new_ones(self):
        self.start("1.0-1", pickled=False)
        self.assertEqual(self.invoke(ROW)[0], 200)
        self.start("3.0-5", pickled=True)
        self.assertEqual(self.invoke(ROW)[0], 200)


class Variety(XgboostServing):
    def test_all_models_of_the_archive_are_averaged(self):
        other = booster(seed=3)
        self.put(other, "xgboost-model-1")
        self.start()
        row = np.full((1, WIDTH), 0.5, np.float32)
        mean = np.mean([m.inplace_predict(row) for m in (self.model, other)], axis=0).tolist()[0]
        self.answered(self.invoke(ROW), 200, "text/csv; charset=utf-8", f"{mean}\n")

    def test_ensemble_can_be_turned_off(self):
        self.put(booster(seed=3), "xgboost-model-1")
        self.start(SAGEMAKER_INFERENCE_ENSEMBLE="false")
        self.answered(self.invoke(ROW), 200, "text/csv; charset=utf-8", f"{self.expected([0.5] * WIDTH)[0]}\n")

    def test_probabilities_of_classes_are_a_row(self):
        self.start(model=booster(objective="multi:softprob", num_class=3))
        row = self.expected([0.5] * WIDTH)[0]
        self.answered(self.invoke(ROW), 200, "text/csv; charset=utf-8", ",".join(map(str, row)) + "\n")
        self.assertEqual(json.loads(self.invoke(ROW, Accept="application/json")[2]), {"predictions": [{"score": row}]})

    def test_linear_models(self):
        self.start(model=booster(booster="gblinear"))
        self.answered(self.invoke(ROW), 200, "text/csv; charset=utf-8", f"{self.expected([0.5] * WIDTH)[0]}\n")

    def test_selectable_output(self):
        self.start(model=booster(objective="binary:logistic"), SAGEMAKER_INFERENCE_OUTPUT="predicted_label,probabilities,predicted_score")
        score = self.expected([0.5] * WIDTH)[0]
        entry = {"predicted_label": int(score > 0.5), "probabilities": [1.0 - score, score], "predicted_score": float("nan")}
        self.answered(self.invoke(ROW, Accept="application/json"), 200, "application/json", json.dumps({"predictions": [entry]}))
        self.answered(self.invoke(ROW, Accept="application/jsonlines"), 200, "application/jsonlines", json.dumps(entry) + "\n")
        self.answered(self.invoke(ROW), 200, "text/csv; charset=utf-8", f'{int(score > 0.5)},"[{1.0 - score}, {score}]",nan')

    def test_stop_ends_with_success(self):
        self.start()
        self.server.send_signal(signal.SIGTERM)
        self.assertEqual(self.server.wait(30), 0)


class BrokenModels(XgboostServing):
    def ends(self, message):
        with self.assertRaises(AssertionError) as caught:
            self.serve()
        self.assertIn(message, str(caught.exception))
        self.assertEqual(self.server.wait(30), 1)

    def test_each_says_what_is_wrong(self):
        self.write("model/sub/nothing", "x")
        self.ends("holds no model file")
        self.write("model/xgboost-model", "not a model")
        self.ends("cannot be loaded:\nPickle load error=")
        self.write("model/.hidden", "x")
        self.ends("please exclude dotfiles from model archives")


if __name__ == "__main__":
    unittest.main()
