"""What the tests share: a job's folder tree, the entry points as processes, an HTTP client over a unix socket."""
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

RUNTIMES = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ENTRY = os.path.join(RUNTIMES, "entry")
sys.path.insert(0, ENTRY)

with open(os.path.join(RUNTIMES, "images.json"), encoding="utf-8") as file:
    IMAGES = json.load(file)["repositories"]


def profile_switches(repository, tag):
    image = IMAGES[repository]
    return {"framework": image["framework"], **image["tags"][tag]["profile"]}


class JobTestCase(unittest.TestCase):
    """A fresh `/opt/ml` tree per test."""

    def setUp(self):
        self.base = tempfile.mkdtemp(prefix="slipway-runtime-")
        self.addCleanup(shutil.rmtree, self.base, ignore_errors=True)
        self.switches = profile_switches("sagemaker-xgboost", "1.7-1")

    def path(self, *parts):
        return os.path.join(self.base, *parts)

    def write(self, place, content):
        target = self.path(*place.split("/"))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as out:
            out.write(content if isinstance(content, bytes) else content.encode())
        return target

    def configure(self, hyperparameters, channels=None, hosts=("algo-1",)):
        self.write("input/config/hyperparameters.json", json.dumps(hyperparameters))
        self.write("input/config/inputdataconfig.json", json.dumps(channels if channels is not None else {"train": {"ContentType": "text/csv"}}))
        self.write("input/config/resourceconfig.json", json.dumps({"current_host": hosts[0], "hosts": list(hosts)}))

    def environment(self, **more):
        return {
            "PATH": os.pathsep.join([os.path.dirname(sys.executable), "/usr/bin", "/bin"]), "SAGEMAKER_BASE_DIR": self.base,
            "SLIPWAY_IMAGE_PROFILE": json.dumps(self.switches), "PYTHONUNBUFFERED": "1", **more,
        }

    def train(self, **more):
        """Runs `train` to its end."""
        return subprocess.run([os.path.join(ENTRY, "bin", "train")], env=self.environment(**more), capture_output=True, text=True, timeout=120, check=False)

    def failure(self):
        with open(self.path("output", "failure"), encoding="utf-8") as file:
            return file.read()


class ServeTestCase(JobTestCase):
    def serve(self, **more):
        """Starts `serve` on a unix socket and waits until it listens."""
        self.socket_path = self.path("serve.sock")
        environment = self.environment(SLIPWAY_SERVE_SOCKET=self.socket_path, **more)
        self.server = subprocess.Popen([os.path.join(ENTRY, "bin", "serve")], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(_end, self.server)
        self.log = []
        for line in self.server.stdout:
            self.log.append(line)
            if "listening on" in line:
                return
        self.fail("the server ended before it listened:\n" + "".join(self.log))

    def connect(self):
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(30)
        client.connect(self.socket_path)
        self.addCleanup(client.close)
        return client

    def request(self, method, path, body=b"", client=None, **headers):
        """One request; `(status, headers, body)`. Header names with `_` for `-`."""
        own = client or self.connect()
        body = body.encode() if isinstance(body, str) else body
        lines = [f"{method} {path} HTTP/1.1", "Host: test", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        own.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        return read_response(own.makefile("rb"))

    def invoke(self, body, content_type="text/csv", **headers):
        return self.request("POST", "/invocations", body, Content_Type=content_type, **headers)


def _end(process):
    if process.poll() is None:
        process.kill()
    process.wait()
    process.stdout.close()


def read_response(stream):
    status = int(stream.readline().split()[1])
    headers = {}
    while (line := stream.readline().strip()):
        name, _, value = line.decode().partition(":")
        headers[name.lower()] = value.strip()
    if headers.get("transfer-encoding") == "chunked":
        return status, headers, b"".join(read_chunks(stream))
    return status, headers, stream.read(int(headers.get("content-length", 0)))


def read_chunks(stream):
    while (size := int(stream.readline(), 16)):
        yield stream.read(size)
        stream.readline()
    stream.readline()
