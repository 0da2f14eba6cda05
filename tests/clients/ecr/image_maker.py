"""Makes an OCI image layout of a folder, by tar and hand-written JSON: `image_maker.py <root folder> <layout folder> [word=value…]`.

Three layers: the folder with files that must not be seen in the end; the programs of a container as AWS has them, with whiteouts (one
file, one opaque folder); and a last one with a hard link across layers. `word=value` bends it: see BENDS.
"""
import gzip
import hashlib
import io
import json
import os
import sys
import tarfile

TRAIN = b'''#!/usr/bin/python3
import json, os, sys
sys.path.insert(0, "/app/lib")
import words
release = open("/etc/os-release").read().replace("\\n", " ")
print("os-release: " + release, flush=True)
print("python: " + sys.version.split()[0])
hidden = [path for path in ("/hidden/file", "/opaque/below", "/root-was-here") if os.path.exists(path)]
print("hidden: %s, opaque: %s, word: %s, linked: %s" % (hidden, sorted(os.listdir("/opaque")), words.WORD, open("/app/linked").read()))
parameters = json.load(open("/opt/ml/input/config/hyperparameters.json"))
if parameters.get("fail"):
    open("/opt/ml/output/failure", "w").write("asked to fail")
    sys.exit(4)
rows = [[float(cell) for cell in line.split(",")] for line in open("/opt/ml/input/data/train/data.csv") if line.strip()]
mean = sum(row[0] for row in rows) / len(rows)
print("train-mean:%g" % mean)
with open("/opt/ml/model/model.json", "w") as file:
    json.dump({"mean": mean, "made by": os.environ["TRAINING_JOB_NAME"]}, file)
'''

SERVE = b'''#!/usr/bin/python3
import http.server, json, os, urllib.request
model = json.load(open("/opt/ml/model/model.json"))
release = open("/etc/os-release").readline().strip()
print("serving on " + release, flush=True)

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, body, kind="text/csv"):
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(b"")

    def do_POST(self):
        text = self.rfile.read(int(self.headers["content-length"])).decode()
        if text == "release":
            return self.answer(release.encode())
        if text == "server":  # what code in a model server asks the AWS API goes to the endpoint of its environment
            with urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "/_slipway/health", timeout=10) as response:
                return self.answer(response.read())
        rows = [line.split(",") for line in text.split("\\n") if line.strip()]
        self.answer("".join("%g\\n" % (float(row[0]) - model["mean"]) for row in rows).encode())

    def log_message(self, *_):
        pass

http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
'''

PROCESS = b'''#!/usr/bin/python3
import os, sys
print("processed with %s" % sys.argv[1:])
os.makedirs("/opt/ml/processing/out", exist_ok=True)
open("/opt/ml/processing/out/words", "w").write(" ".join(sys.argv[1:]))
'''

# what a word of the command line changes
BENDS = ("release", "architecture", "escape", "device", "damage", "diff")


class Layer:
    def __init__(self):
        self.buffer = io.BytesIO()
        self.archive = tarfile.open(fileobj=self.buffer, mode="w")

    def add(self, name, content=b"", mode=0o644, kind=tarfile.REGTYPE, link=""):
        member = tarfile.TarInfo(name)
        member.size = len(content) if kind == tarfile.REGTYPE else 0
        member.mode, member.type, member.linkname, member.mtime, member.uid = mode, kind, link, 1_700_000_000, 1234
        self.archive.addfile(member, io.BytesIO(content))

    def folder(self, name):
        self.add(name, kind=tarfile.DIRTYPE, mode=0o755)

    def bytes(self):
        self.archive.close()
        return self.buffer.getvalue()


def always_the_same(member):
    """The same folder gives the same image, which is unpacked once."""
    member.mtime = 1_700_000_000
    return member


def base_layer(root, release):
    layer = Layer()
    layer.archive.add(root, arcname=".", filter=always_the_same)
    if release:
        layer.add("etc/os-release", ('NAME="%s"\nID=own\n' % release).encode())
    for folder in ("hidden", "opaque", "app", "app/lib"):
        layer.folder(folder)
    layer.add("hidden/file", b"must not be seen")
    layer.add("opaque/below", b"must not be seen")
    layer.add("root-was-here", b"must not be seen")
    layer.add("app/lib/words.py", b"WORD = 'below'\n")
    return layer.bytes()


def program_layer():
    layer = Layer()
    layer.add("hidden/.wh.file")
    layer.add("opaque/.wh..wh..opq")
    layer.add("opaque/above", b"seen")
    layer.add(".wh.root-was-here")
    layer.add("app/lib/words.py", b"WORD = 'above'\n")
    for name, content in (("train", TRAIN), ("serve", SERVE), ("process", PROCESS)):
        layer.add("app/" + name, content, 0o4755)
    return layer.bytes()


def last_layer(bends):
    layer = Layer()
    layer.add("app/linked", kind=tarfile.LNKTYPE, link="opaque/above")
    if "escape" in bends:
        layer.add("../escaped", b"out")
    if "device" in bends:
        layer.add("disk", kind=tarfile.BLKTYPE)
    return layer.bytes()


def main(root, layout, *words):
    bends = dict(word.split("=", 1) for word in words)
    assert set(bends) <= set(BENDS), bends
    os.makedirs(layout + "/blobs/sha256")

    def blob(content):
        digest = hashlib.sha256(content).hexdigest()
        stored = content
        if "damage" in bends and len(content) < 100_000 and content[:2] == b"\x1f\x8b":
            stored = content[:-20] + bytes(20)
        with open("%s/blobs/sha256/%s" % (layout, digest), "wb") as file:
            file.write(stored)
        return "sha256:" + digest, len(content)

    tars = [base_layer(root, bends.get("release", "Own userland")), program_layer(), last_layer(bends)]
    # one layer uncompressed, the others as most tools make them
    packed = [tars[0], *(gzip.compress(tar, mtime=0) for tar in tars[1:])]
    kinds = ["application/vnd.oci.image.layer.v1.tar" + ending for ending in ("", "+gzip", "+gzip")]
    layers = [dict(zip(("mediaType", "digest", "size"), (kind, *blob(content)))) for kind, content in zip(kinds, packed)]
    diffs = ["sha256:" + hashlib.sha256(tar).hexdigest() for tar in tars]
    if "diff" in bends:
        diffs[1] = "sha256:" + "0" * 64
    config, config_size = blob(json.dumps({
        "architecture": bends.get("architecture", {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]), "os": "linux",
        "config": {"Env": ["PATH=/app:/usr/local/bin:/usr/bin:/bin", "OF_IMAGE=yes"], "WorkingDir": "/app", "Cmd": ["process", "by", "default"]},
        "rootfs": {"type": "layers", "diff_ids": diffs}, "history": [],
    }).encode())
    manifest, manifest_size = blob(json.dumps({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": config_size},
        "layers": layers,
    }).encode())
    with open(layout + "/oci-layout", "w") as file:
        json.dump({"imageLayoutVersion": "1.0.0"}, file)
    with open(layout + "/index.json", "w") as file:
        json.dump({"schemaVersion": 2, "manifests": [{
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": manifest, "size": manifest_size,
            "annotations": {"org.opencontainers.image.ref.name": "1"},
        }]}, file)
    print(manifest)


if __name__ == "__main__":
    main(*sys.argv[1:])
