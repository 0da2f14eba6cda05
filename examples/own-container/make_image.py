"""Makes the image of this folder without any container tool: `make_image.py <file.tar>`.

The Dockerfile beside it is the usual way. This one takes the userland from this machine (its Python, the libraries that needs, a
shell) and writes an OCI archive by hand, so that the example runs where no registry can be reached.
"""
import gzip
import hashlib
import io
import json
import os
import platform
import subprocess
import sys
import sysconfig
import tarfile

HERE = os.path.dirname(os.path.abspath(__file__))
LEFT_OUT = {"test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3", "__pycache__", "dist-packages", "site-packages", "pydoc_data"}
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
PATH = "/opt/program:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def libraries(program):
    told = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    return {word for line in told.splitlines() for word in line.split() if word.startswith("/")}


def standard_library():
    top = sysconfig.get_path("stdlib")
    for folder, below, names in os.walk(top):
        below[:] = sorted(name for name in below if name not in LEFT_OUT and not name.startswith("config-"))
        yield from (os.path.join(folder, name) for name in sorted(names) if not name.endswith(".a"))


def userland():
    """The files of the first layer, with where each really lies."""
    python, shell = os.path.realpath(sys.executable), os.path.realpath("/bin/sh")
    files = {path: os.path.realpath(path) for path in standard_library() if os.path.exists(path)}
    for program in [python, shell, *(path for path in files if path.endswith(".so"))]:
        files.update({path: os.path.realpath(path) for path in libraries(program)})
    files.update({"/usr/bin/python3": python, python: python, "/bin/sh": shell, "/etc/os-release": os.path.realpath("/etc/os-release")})
    return sorted(files.items())


def layer(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, source in files:
            member = archive.gettarinfo(source, arcname=path.lstrip("/"))
            if not member.isreg():
                member = tarfile.TarInfo(path.lstrip("/"))
                member.size = os.path.getsize(source)
            member.type, member.mtime, member.uid, member.gid = tarfile.REGTYPE, 1_700_000_000, 0, 0
            member.size, member.mode = os.path.getsize(source), 0o755 if os.access(source, os.X_OK) else 0o644
            with open(source, "rb") as content:
                archive.addfile(member, content)
    return buffer.getvalue()


def main(target):
    tars = [layer(userland()), layer([("/opt/program/" + name, os.path.join(HERE, name)) for name in ("train", "serve")])]
    blobs = [gzip.compress(tar, compresslevel=1, mtime=0) for tar in tars]
    config = json.dumps({
        "architecture": ARCHITECTURES[platform.machine()], "os": "linux",
        "config": {"Env": ["PATH=" + PATH, "PYTHONDONTWRITEBYTECODE=1"], "WorkingDir": "/opt/program"},
        "rootfs": {"type": "layers", "diff_ids": [digest(tar) for tar in tars]},
    }).encode()
    manifest = json.dumps({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("application/vnd.oci.image.config.v1+json", config),
        "layers": [descriptor("application/vnd.oci.image.layer.v1.tar+gzip", blob) for blob in blobs],
    }).encode()
    named = descriptor("application/vnd.oci.image.manifest.v1+json", manifest)
    index = json.dumps({"schemaVersion": 2, "manifests": [{**named, "annotations": {"org.opencontainers.image.ref.name": "1"}}]})
    with tarfile.open(target, "w") as archive:
        entries = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}', "index.json": index.encode()}
        entries.update({"blobs/sha256/" + digest(blob)[7:]: blob for blob in (*blobs, config, manifest)})
        for name, content in entries.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def descriptor(kind, content):
    return {"mediaType": kind, "digest": digest(content), "size": len(content)}


if __name__ == "__main__":
    main(sys.argv[1])
