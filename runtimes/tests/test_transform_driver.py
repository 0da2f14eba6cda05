"""The driver of batch transform as a process, with a scripted model server, and with the built-in XGBoost server."""
import gzip
import http.server
import json
import os
import socketserver
import subprocess
import sys
import threading
import unittest

from support import ENTRY, JobTestCase, ServeTestCase

DRIVER = os.path.join(ENTRY, "bin", "slipway-batch-transform")
PLAN = {
    "split": "Line", "assemble": "Line", "strategy": None, "maxConcurrent": None, "maxPayloadMiB": None, "contentType": "text/csv", "accept": None, "gzip": False,
    "timeoutSeconds": 20, "retries": 0, "startupSeconds": 20, "inputForm": None, "outputForm": None, "inputSteps": None, "outputSteps": None, "join": False, "inferenceTime": None,
}


class Model(http.server.BaseHTTPRequestHandler):
    """Doubles every number; `bad` is refused, `crash` hangs up, `flaky` fails once."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def address_string(self):
        return "unix"

    def do_GET(self):
        said = self.server.parameters
        if self.path == "/ping" and self.server.pings:
            self.server.pings -= 1
            self.answer(503, b"")
        elif self.path == "/execution-parameters" and said is None:
            self.answer(404, b"")
        else:
            self.answer(200, json.dumps(said).encode())

    def do_POST(self):
        body = self.body()
        with self.server.lock:
            self.server.asked.append((body, dict(self.headers)))
        text = body.decode("latin-1")
        if "crash" in text:
            self.close_connection = True
        elif "bad" in text:
            self.answer(415, b"Loading csv data failed: bad is no number")
        elif "flaky" in text and not self.server.failed_once:
            self.server.failed_once = True
            self.answer(500, b"for a moment")
        else:
            self.answer(200, self.server.reply(text).encode("latin-1"), "text/csv")

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"]))
        whole = b""
        while size := int(self.rfile.readline(), 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return whole

    def answer(self, status, body, content_type="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a driver that gave up


def doubled(text):
    return "".join(f"{2 * float(line.split(',')[0])}\n" for line in text.splitlines())


class DriverCase(JobTestCase):
    def setUp(self):
        super().setUp()
        for folder in ("input/config", "input/data", "output/transform"):
            os.makedirs(self.path(*folder.split("/")))
        self.files = []

    def listen(self, name="model.sock", reply=doubled, parameters=None, pings=0):
        server = UnixServer(self.path(name), Model)
        server.asked, server.lock, server.reply, server.parameters = [], threading.Lock(), reply, parameters
        server.failed_once, server.pings = False, pings
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server

    def put(self, content, uri=None):
        number = len(self.files)
        path = self.write(f"input/data/{number}", content)
        self.files.append({"uri": uri or f"s3://bucket/in/{number}.csv", "path": path, "output": f"{number}.out"})

    def drive(self, services=("model.sock",), **plan):
        self.write("input/config/transform.json", json.dumps({**PLAN, **plan, "files": self.files}))
        addresses = [f"unix:{name if name.startswith('/') else self.path(name)}" for name in services]
        environment = self.environment(SLIPWAY_SERVICES=json.dumps(addresses))
        return subprocess.run([DRIVER], env=environment, capture_output=True, text=True, timeout=100, check=False)

    def outputs(self):
        folder = self.path("output", "transform")
        return {name: self.read(os.path.join(folder, name)) for name in sorted(os.listdir(folder))}

    def read(self, path):
        with open(path, "rb") as file:
            return file.read()

    def done(self, run):
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        return self.outputs()

    def failed(self, run):
        self.assertEqual(run.returncode, 1, run.stdout + run.stderr)
        return self.failure()


class DriverTest(DriverCase):
    def test_many_records_go_together_and_each_input_has_its_output(self):
        model = self.listen(pings=3)
        self.put("1\n2\n3\n")
        self.put("")
        self.put("4,x\r\n\r\n5,y")
        run = self.drive()
        self.assertEqual(self.done(run), {"0.out": b"2.0\n4.0\n6.0\n", "1.out": b"", "2.out": b"8.0\n10.0\n"})
        self.assertEqual([body for body, _ in model.asked if body.startswith(b"1")], [b"1\n2\n3"])
        self.assertIn("[sagemaker logs]: MaxConcurrentTransforms=1, MaxPayloadInMB=6, BatchStrategy=MULTI_RECORD", run.stdout)
        self.assertEqual(model.asked[0][1]["Content-Type"], "text/csv")

    def test_order_holds_with_many_requests_at_once_and_small_payloads(self):
        self.listen(parameters={"MaxConcurrentTransforms": 8, "BatchStrategy": "SINGLE_RECORD", "MaxPayloadInMB": 1})
        for _ in range(3):
            self.put("".join(f"{n}\n" for n in range(400)))
        run = self.drive()
        expected = "".join(f"{2.0 * n}\n" for n in range(400)).encode()
        self.assertEqual(self.done(run), {f"{n}.out": expected for n in range(3)})
        self.assertIn("MaxConcurrentTransforms=8, MaxPayloadInMB=1, BatchStrategy=SINGLE_RECORD", run.stdout)

    def test_what_the_user_asks_for_is_above_what_the_model_says(self):
        model = self.listen(parameters={"MaxConcurrentTransforms": 64, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 50})
        self.put("1\n2\n")
        self.assertIn("MaxConcurrentTransforms=2, MaxPayloadInMB=50", self.drive().stdout)  # 100 MB together
        self.put("3\n4\n")
        run = self.drive(maxConcurrent=3, maxPayloadMiB=2, strategy="SingleRecord")
        self.assertIn("MaxConcurrentTransforms=3, MaxPayloadInMB=2, BatchStrategy=SINGLE_RECORD", run.stdout)
        self.assertIn(b"4", [body for body, _ in model.asked])

    def test_a_bad_record_fails_its_file_and_is_named_while_the_others_go_on(self):
        self.listen()
        self.put("1\n2\n")
        self.put("\n".join(["1"] * 500 + ["bad"] + ["1"] * 300), uri="s3://bucket/in/spoilt.csv")
        self.put("3\n")
        run = self.drive()
        reason = self.failed(run)
        self.assertEqual(
            reason, "ClientError: 1 of 3 input files could not be transformed and have no output. s3://bucket/in/spoilt.csv: line 501: "
            "the model answered with HTTP status 415: Loading csv data failed: bad is no number")
        self.assertEqual(self.outputs(), {"0.out": b"2.0\n4.0\n", "2.out": b"6.0\n"})
        self.assertIn("bucket/in/spoilt.csv: ClientError: line 501", run.stdout)

    def test_whole_files_are_sent_whole_and_assembled_as_they_come(self):
        model = self.listen(reply=lambda text: text.upper())
        self.put(b"\x00a\nb\xe9\n\n")
        self.assertEqual(self.done(self.drive(split="None", assemble="None", contentType="image/x", accept="image/y")), {"0.out": b"\x00A\nB\xc9\n\n"})
        self.assertEqual((model.asked[0][1]["Content-Type"], model.asked[0][1]["Accept"]), ("image/x", "image/y"))

    def test_a_payload_over_the_limit_fails(self):
        self.listen()
        self.put("1\n" + "1" * (1024**2 + 1) + "\n2\n")
        self.assertIn("s3://bucket/in/0.csv: line 2 is longer than the payload limit of 1 MB", self.failed(self.drive(maxPayloadMiB=1)))
        self.assertIn("the file is larger than the payload limit of 1 MB", self.failed(self.drive(maxPayloadMiB=1, split="None")))
        self.assertEqual(self.outputs(), {})

    def test_no_limit_streams_the_file_in_chunks(self):
        model = self.listen(reply=lambda text: str(len(text)))
        self.put(gzip.compress(b"x" * 9_000_000))
        self.assertEqual(self.done(self.drive(maxPayloadMiB=0, split="None", assemble="None", gzip=True)), {"0.out": b"9000000"})
        self.assertEqual(model.asked[0][1]["Transfer-Encoding"], "chunked")

    def test_answers_larger_than_memory_should_hold_are_passed_on(self):
        self.listen(reply=lambda text: "y" * 20_000_000)
        self.put("1\n")
        self.assertEqual(self.done(self.drive())["0.out"], b"y" * 20_000_000 + b"\n")

    def test_gzip_inputs_and_damaged_ones(self):
        self.listen()
        self.put(gzip.compress(b"1\n2\n"))
        self.put(gzip.compress(b"1\n2\n" * 50)[:-9])
        reason = self.failed(self.drive(gzip=True))
        self.assertIn("s3://bucket/in/1.csv: it cannot be decompressed as gzip", reason)
        self.assertEqual(self.outputs(), {"0.out": b"2.0\n4.0\n"})

    def test_failures_of_the_server_are_tried_again_and_refusals_are_not(self):
        model = self.listen(reply=lambda text: "ok")
        self.put("flaky")
        self.put("bad")
        self.failed(self.drive(retries=3, split="None", assemble="None"))
        self.assertEqual([body for body, _ in model.asked].count(b"flaky"), 2)
        self.assertEqual([body for body, _ in model.asked].count(b"bad"), 1)
        self.assertEqual(self.outputs(), {"0.out": b"ok"})

    def test_a_connection_that_is_cut_and_a_server_that_is_silent(self):
        hold = threading.Event()
        self.addCleanup(hold.set)
        self.listen(reply=lambda text: "ok" if "silent" not in text else str(hold.wait(60)))
        self.put("crash")
        self.put("silent")
        run = self.drive(timeoutSeconds=1, retries=1)
        self.assertIn("AlgorithmError: 2 of 2 input files", self.failed(run))
        self.assertRegex(run.stdout, r"in/0.csv: AlgorithmError: line 1: the model server closed the connection \(.*\) \(2 attempts\)")
        self.assertIn("in/1.csv: AlgorithmError: line 1: the model did not answer within 1 seconds (2 attempts)", run.stdout)

    def test_no_server_fails_the_job(self):
        self.put("1\n")
        self.assertEqual(self.failed(self.drive(startupSeconds=1)), "AlgorithmError: The model server did not pass the ping health check within 1 seconds.")

    def test_filters_and_join_by_record(self):
        model = self.listen()
        self.put("a,1,9\nb,2,9\n")
        filters = {"inputForm": "csv", "outputForm": "csv", "inputSteps": [{"kind": "slice", "start": 1, "end": 2}], "outputSteps": [{"kind": "indexes", "indexes": [0, -1]}]}
        self.assertEqual(self.done(self.drive(join=True, **filters)), {"0.out": b"a,2.0\nb,4.0\n"})
        self.assertEqual(model.asked[0][0], b"1\n2")

    def test_containers_in_a_row_pass_on_their_answers(self):
        self.listen("first.sock", parameters={"MaxPayloadInMB": 3})
        second = self.listen("second.sock")
        self.put("1\n2\n")
        self.assertEqual(self.done(self.drive(("first.sock", "second.sock"), accept="text/plain")), {"0.out": b"4.0\n8.0\n"})
        self.assertEqual((second.asked[0][1]["Content-Type"], second.asked[0][1]["Accept"]), ("text/csv", "text/plain"))


class XgboostTransformTest(DriverCase, ServeTestCase):
    def test_rows_of_csv_with_the_built_in_model(self):
        import numpy as np
        import xgboost

        rows = np.random.default_rng(3).random((300, 4)).astype(np.float32)
        booster = xgboost.train({"max_depth": 2, "nthread": 1}, xgboost.DMatrix(rows, rows.sum(axis=1)), 5)
        os.makedirs(self.path("model"))
        booster.save_model(self.path("model", "xgboost-model.json"))
        os.rename(self.path("model", "xgboost-model.json"), self.path("model", "xgboost-model"))
        for stated in ({}, {"SAGEMAKER_MAX_PAYLOAD_IN_MB": "0"}):
            self.serve(SAGEMAKER_BATCH="true", **stated)
            self.files = []
            self.put("\n".join(",".join(map(str, row)) for row in rows.tolist()))
            run = self.drive((self.socket_path,), maxPayloadMiB=0 if stated else None)
            found = np.array([float(line) for line in self.done(run)["0.out"].decode().split()])
            np.testing.assert_allclose(found, booster.predict(xgboost.DMatrix(rows)), rtol=1e-5)
            self.server.kill()
            self.server.wait()
            self.server.stdout.close()


if __name__ == "__main__":
    sys.exit(unittest.main())
