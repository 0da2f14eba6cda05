"""Channels and requests beyond csv and libsvm: Parquet, recordio-protobuf, pipes; cross validation."""
import io
import json
import os
import re
import shutil
import threading
import unittest

import numpy as np
import pandas as pd

from support import JobTestCase, ServeTestCase, profile_switches
from slipway_entry.recordio import FEATURES, parse_records, write_records
from test_xgboost_training import TrainingTestCase, rows


def table(text):
    return np.loadtxt(io.StringIO(text), delimiter=",")


def recordio(values, sparse=False):
    """As SageMaker's own `write_numpy_to_dense_tensor` frames rows: features and label under `values`."""
    import struct

    content = b""
    for row in values:
        features = write_records([{"values": row[1:]}], FEATURES)[8:]
        label = write_records([{"values": row[:1]}])[8:]
        if sparse:
            features = sparse_features(row[1:])
        record = strip(features) + strip(label)
        content += struct.pack("<II", 0xCED7230A, len(record)) + record + b"\0" * (-len(record) % 4)
    return content


def strip(padded):
    """A message without the padding of its frame: its own length says where it ends."""
    length = padded[1] if padded[1] < 0x80 else (padded[1] & 0x7F) | padded[2] << 7
    return padded[:length + (2 if padded[1] < 0x80 else 3)]


def field(number, content):
    length = len(content)
    head = bytes([length]) if length < 0x80 else bytes([length & 0x7F | 0x80, length >> 7])
    return bytes([number << 3 | 2]) + head + content


def sparse_features(row):
    keys = [n for n, value in enumerate(row) if value]
    tensor = field(1, np.array(row, "<f4")[keys].tobytes()) + field(2, bytes(keys)) + field(3, bytes([len(row)]))
    return field(1, field(1, b"values") + field(2, field(2, tensor)))


class Channels(TrainingTestCase):
    parameters = {"num_round": "3", "objective": "reg:squarederror"}

    def scores(self, kind, name, content, mode="File"):
        shutil.rmtree(self.path("input"), ignore_errors=True)
        self.write(f"input/data/train/{name}", content)
        self.configure(self.parameters, {"train": {"ContentType": kind, "TrainingInputMode": mode}})
        return self.completed(self.train())

    def test_the_same_rows_give_the_same_scores_in_every_form(self):
        text = rows(120)
        wanted = self.scores("text/csv", "a.csv", text)
        self.assertEqual(len(wanted), 3)
        parquet = io.BytesIO()
        pd.DataFrame(table(text)).rename(columns=str).to_parquet(parquet)
        for kind in ("parquet", "application/x-parquet"):
            self.assertEqual(self.scores(kind, "a.parquet", parquet.getvalue()), wanted)
        for sparse in (False, True):
            self.assertEqual(self.scores("application/x-recordio-protobuf", "a.rec", recordio(table(text), sparse)), wanted)

    def test_pipes_of_older_images(self):
        text = rows(120)
        wanted = self.scores("text/csv", "a.csv", text)
        self.configure(self.parameters, {"train": {"ContentType": "text/csv", "TrainingInputMode": "Pipe"}})
        pipe = self.path("input", "data", "train_0")
        os.mkfifo(pipe)

        def feed():
            with open(pipe, "w", encoding="utf-8") as stream:
                stream.write(text)

        feeder = threading.Thread(target=feed)
        feeder.start()
        self.assertEqual(self.completed(self.train()), wanted)
        feeder.join()
        self.switches = profile_switches("sagemaker-xgboost", "3.0-5")
        self.assertEqual(self.train().returncode, 1)
        self.assertIn("Please use Fast File mode instead", self.failure())

    def test_broken_files_are_refused_with_the_reason(self):
        for kind, name, content, message in (
            ("parquet", "a.parquet", b"PAR1 not", "Failed to load parquet data with exception"),
            ("recordio-protobuf", "a.rec", b"nothing of the kind", "no record begins at byte 0"),
            ("recordio-protobuf", "a.rec", recordio(table(rows(3)))[:-5], "the file ends within a record"),
            ("recordio-protobuf", "a.rec", write_records([{"other": [1]}], FEATURES), "no features under the key 'values'"),
            ("recordio-protobuf", "a.rec", write_records([{"values": [1]}], FEATURES), "input data without labels"),
        ):
            self.write(f"input/data/train/{name}", content)
            self.configure(self.parameters, {"train": {"ContentType": kind}})
            self.assertEqual(self.train().returncode, 1)
            self.assertIn(message, self.failure())
            os.remove(self.path("input", "data", "train", name))


class Folds(TrainingTestCase):
    def test_a_model_per_fold_mean_scores_and_predictions_of_held_out_rows(self):
        self.with_data({"num_round": "5", "objective": "reg:squarederror", "_kfold": "3", "_num_cv_round": "2"})
        lines = self.completed(self.train())
        self.assertEqual(sorted(os.listdir(self.path("model"))), [f"xgboost-model-{n}" for n in range(6)])
        means = [line for line in lines if line.startswith("[5]\t")]
        self.assertEqual(len(means), 3, "two rounds and all together")
        single = [float(re.search(r"validation-rmse:(\S+)", line)[1]) for line in lines if line.startswith("[4]\t")]
        self.assertAlmostEqual(float(re.search(r"validation-rmse:(\S+)", means[-1])[1]), np.mean(single), places=4)
        predictions = np.loadtxt(self.path("output", "data", "predictions.csv"), delimiter=",")
        self.assertEqual(predictions.shape, (400, 2), "both channels together")
        self.assertLess(np.mean((predictions[:, 0] - predictions[:, 1]) ** 2), np.var(predictions[:, 0]) / 2)

    def test_classes_are_voted(self):
        self.with_data({"num_round": "5", "objective": "multi:softprob", "num_class": "3", "_kfold": "2"}, validation=False, classes=3)
        self.completed(self.train())
        predictions = np.loadtxt(self.path("output", "data", "predictions.csv"), delimiter=",")
        self.assertEqual(predictions.shape, (300, 5))
        self.assertGreater(np.mean(predictions[:, 0] == predictions[:, -1]), 0.6)

    def test_more_folds_than_rows(self):
        self.with_data({"num_round": "1", "_kfold": "301"}, validation=False)
        self.assertEqual(self.train().returncode, 1)
        self.assertIn("cannot be split into 301 folds", self.failure())


class Requests(ServeTestCase):
    def start(self, **more):
        import xgboost

        random = np.random.default_rng(0)
        features = random.normal(size=(200, 4))
        self.model = xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(features, label=features[:, 0] > 0), 5)
        os.makedirs(self.path("model"), exist_ok=True)
        self.model.save_model(self.path("model", "xgboost-model.ubj"))
        self.switches = profile_switches("sagemaker-xgboost", "1.7-1")
        self.serve(**more)

    def test_recordio_requests_and_selected_answers(self):
        self.start(SAGEMAKER_INFERENCE_OUTPUT="predicted_label,probabilities")
        row = [0.5, 1, 0, 2]
        body = write_records([{"values": row}, {"values": [-1, 1, 0, 2]}], FEATURES)
        status, headers, plain = self.invoke(body, "application/x-recordio-protobuf", Accept="application/json")
        self.assertEqual(status, 200, plain)
        wanted = json.loads(plain)["predictions"]
        self.assertEqual([entry["predicted_label"] for entry in wanted], [1, 0])
        status, headers, answer = self.invoke(body, "application/x-recordio-protobuf", Accept="application/x-recordio-protobuf")
        self.assertEqual((status, headers["content-type"]), (200, "application/x-recordio-protobuf"))
        for entry in wanted:
            part = write_records([entry])
            self.assertTrue(answer.startswith(part))
            answer = answer[len(part):]
        self.assertEqual(answer, b"")
        self.assertEqual(self.invoke(b"nonsense", "application/x-recordio-protobuf")[0], 415)
        self.assertEqual(self.invoke(b"nonsense", "application/x-parquet")[0], 415)


class RecordIO(unittest.TestCase):
    def test_records_of_several_pieces(self):
        import struct

        whole = write_records([{"values": [1.0, 2.0]}], FEATURES)[8:]
        body = strip(whole)
        first, last = body[:5], body[5:]
        framed = b"".join(
            struct.pack("<II", 0xCED7230A, flag << 29 | len(piece)) + piece + b"\0" * (-len(piece) % 4)
            for flag, piece in ((1, first), (3, last)))
        features, labels = parse_records(framed)
        self.assertEqual((features.tolist(), labels), ([[1.0, 2.0]], None))

    def test_nothing_a_stranger_sends_does_more_than_fail(self):
        random = np.random.default_rng(5)
        good = bytearray(write_records([{"values": [1, 2, 3]}], FEATURES))
        for _ in range(2000):
            broken = bytearray(good)
            for _ in range(random.integers(1, 4)):
                broken[random.integers(0, len(broken))] = random.integers(0, 256)
            try:
                parse_records(bytes(broken[:random.integers(1, len(broken) + 1)]))
            except ValueError:
                pass


if __name__ == "__main__":
    unittest.main()
