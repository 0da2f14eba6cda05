"""Unpacks archives that take more memory, disk or place than they are large, as the supervisor of a job does it, and applies those
that are tars as a layer of an image. Prints a JSON object: what was said of each. Arguments: the shim's folder, an empty folder."""
import gzip
import io
import json
import lzma
import os
import resource
import sys
import tarfile
import zipfile

shim, folder = sys.argv[1:]
sys.path.insert(0, shim)
import archive
import layer
import staging

resource.setrlimit(resource.RLIMIT_AS, (256 << 20,) * 2)
BYTES_MAX = 1 << 20
GIB = 1 << 30


def header(kind, size):
    """A header alone: what it says would follow is zeros, of which there need not be any."""
    member = tarfile.TarInfo("x")
    member.type, member.size = kind, size
    return member.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 20)


def endless_sparse_map():
    raw = bytearray(header(tarfile.GNUTYPE_SPARSE, 0)[:512])
    raw[482] = 1
    raw[148:156] = b" " * 8
    raw[148:156] = b"%06o\0 " % sum(raw)
    piece = bytearray(512)
    piece[504] = 1
    return bytes(raw) + bytes(piece) * 20000


def sparse_map_as_content():
    member = tarfile.TarInfo("x")
    member.size = 1 << 20
    member.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "x", "GNU.sparse.realsize": "1"}
    return member.tobuf(tarfile.PAX_FORMAT) + b"1000000000\n" + b"0\n" * (1 << 19)


def chain_of_headers():
    member = tarfile.TarInfo("x")
    member.type = tarfile.XHDTYPE
    return member.tobuf() * 20000


TARS = {
    "name": header(tarfile.GNUTYPE_LONGNAME, 8 * GIB),
    "link name": header(tarfile.GNUTYPE_LONGLINK, 8 * GIB),
    "facts": header(tarfile.XHDTYPE, 8 * GIB),
    "facts for all": header(tarfile.XGLTYPE, 8 * GIB),
    "endless sparse map": endless_sparse_map(),
    "sparse map as content": sparse_map_as_content(),
    "too large": header(tarfile.REGTYPE, 1024 * GIB),
    "chain of headers": chain_of_headers(),
}


def zipped(*members):
    """Members are (name, content, mode)."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content, mode in members:
            entry = zipfile.ZipInfo(name)
            entry.filename = name  # as it is, also with backslashes
            entry.external_attr = mode << 16
            made.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def says_less():
    whole = bytearray(zipped(("a", bytes(64 << 20), 0o100644)))
    at = whole.rindex(b"PK\x01\x02") + 24
    whole[at:at + 4] = (10).to_bytes(4, "little")
    return bytes(whole)


LINK, FILE = 0o120777, 0o100644
ZIPS = {
    "large": zipped(("a", bytes(64 << 20), FILE)),
    "says less": says_less(),
    "parent": zipped(("../escaped", "x", FILE)),
    "absolute": zipped(("/tmp/escaped", "x", FILE)),
    "backslash": zipped(("..\\escaped", "x", FILE)),
    "parent inside": zipped(("a/../../escaped", "x", FILE)),
    "absolute link": zipped(("link", "/etc/passwd", LINK)),
    "link out": zipped(("link", "../../../etc/passwd", LINK)),
    "through link": zipped(("link", "..", LINK), ("link/escaped", "x", FILE)),
    "long link": zipped(("link", "x" * 5000, LINK)),
    "device": zipped(("disk", "", 0o060666)),
}


def unpack(content, form):
    path, target = os.path.join(folder, "archive"), os.path.join(folder, "target")
    with open(path, "wb") as file:
        file.write(content)
    try:
        archive.unpack(path, target, BYTES_MAX, form)
        return "unpacked"
    except staging.Refused as refused:
        return "refused: %s" % refused


def apply(content):
    class Input:
        buffer = io.BytesIO(content)

    sys.stdin, sys.stderr, sys.stdout, kept = Input, io.StringIO(), io.StringIO(), (sys.stdin, sys.stderr, sys.stdout)
    try:
        code, said = layer.main(os.path.join(folder, "layer"), BYTES_MAX), sys.stderr.getvalue()
    finally:
        sys.stdin, sys.stderr, sys.stdout = kept
    return "refused: %s" % said.strip() if code == 3 else "applied"


os.mkdir(os.path.join(folder, "layer"))
print(json.dumps({
    "model data": {name: unpack(gzip.compress(content, 1), "tar.gz") for name, content in TARS.items()},
    "layer": {name: apply(content) for name, content in {**TARS, "endless end": bytes(80 << 20)}.items()},
    "zip": {name: unpack(content, "zip") for name, content in ZIPS.items()},
    "other": {"xz": unpack(lzma.compress(bytes(10240)), "tar.gz")},
    "escaped": [path for path in (os.path.join(folder, "escaped"), "/tmp/escaped") if os.path.lexists(path)],
}))
