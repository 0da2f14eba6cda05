"""A zip file in the shape that archive.py reads tar files in."""
import stat
import zipfile

LINK_BYTES_MAX = 4096


class ZipReader:
    def __init__(self, path):
        self.file = zipfile.ZipFile(path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def __iter__(self):
        return (Member(self.file, entry) for entry in self.file.infolist())

    def extractfile(self, member):
        return self.file.open(member.entry)


class Member:
    """Made on a system without file modes, a member is a plain file."""

    def __init__(self, file, entry):
        self.entry = entry
        self.name = entry.filename.replace("\\", "/")
        self.size = entry.file_size
        self.mode = entry.external_attr >> 16
        self.linkname = ""
        if self.issym():
            if self.size > LINK_BYTES_MAX:
                raise ValueError("the link %r is too long" % self.name)
            self.linkname = file.read(entry).decode("utf-8", "replace")

    def isdir(self):
        return self.name.endswith("/")

    def issym(self):
        return stat.S_ISLNK(self.mode)

    def islnk(self):
        return False

    def isreg(self):
        return stat.S_IFMT(self.mode) in (0, stat.S_IFREG)
