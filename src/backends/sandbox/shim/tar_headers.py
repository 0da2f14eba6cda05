"""Headers of a tar that a stranger may have made. `tarfile` reads those that hold names and facts whole into memory, whatever size
they say they have: two compressed megabytes would take the memory of the host.
"""
import tarfile

HEADER_BYTES_MAX = 1024 * 1024
KINDS = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)


class TooMuch(tarfile.ReadError):
    """A sentence's end, with what is wrong with the tar."""


class Member(tarfile.TarInfo):
    def _proc_member(self, archive):
        if self.type in KINDS and self.size > HEADER_BYTES_MAX:
            raise TooMuch("a header of %d bytes is more than names and facts need" % self.size)
        if self.type == tarfile.GNUTYPE_SPARSE and self._sparse_structs[1]:
            raise TooMuch("a sparse file of many pieces is not unpacked; pack without --sparse")
        return super()._proc_member(archive)

    def _proc_gnusparse_10(self, following, facts, archive):
        raise TooMuch("a sparse file of many pieces is not unpacked; pack without --sparse")


def open_file(path):
    """A tar, compressed by gzip or not: what else Python can read needs as much memory as its maker wants."""
    with open(path, "rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    return tarfile.open(path, "r:gz" if compressed else "r:", tarinfo=Member)
