"""Unpacks a tar.gz or a zip that a stranger may have made."""
import errno
import os
import tarfile
import zipfile
import zlib

import tar_headers
from refusal import Refused
from zip_reader import ZipReader

MEMBERS_MAX = 100_000
COPY_BYTES = 1024 * 1024


def unpack(path, target, bytes_max, form):
    """Files and directories first, links last: while files are written no link exists that could lead out."""
    links, total = [], 0
    try:
        with ZipReader(path) if form == "zip" else tar_headers.open_file(path) as archive:
            for count, member in enumerate(archive):
                if count >= MEMBERS_MAX:
                    raise Refused("The archive has more than %d members." % MEMBERS_MAX)
                name = safe_name(member.name)
                if member.isdir():
                    os.makedirs(os.path.join(target, name), exist_ok=True)
                elif member.isreg():
                    total += member.size
                    if total > bytes_max:
                        raise Refused("The archive unpacks to more than %d bytes, which is all there is room for." % bytes_max)
                    write_member(archive.extractfile(member), os.path.join(target, name), member.mode)
                elif member.issym() or member.islnk():
                    links.append((member, name))
                else:
                    raise Refused("The archive's member %r is a device or pipe, which is not unpacked." % member.name)
    except OSError as error:
        raise refused("The archive cannot be unpacked", error) from None
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, ValueError, RuntimeError, zlib.error) as error:
        raise Refused("The archive is no readable %s: %s" % (form, error)) from None
    for member, name in links:
        try:
            make_link(target, member, name)
        except OSError as error:
            raise refused("The archive's link %r to %r cannot be made" % (member.name, member.linkname), error) from None
    for member, name in links:  # once more: a link may lead elsewhere since a later one exists
        require_inside(target, member, os.path.realpath(os.path.join(target, name)))


def refused(what, error):
    """In words that name no path of the host; a full disk is told as such elsewhere."""
    if error.errno == errno.ENOSPC:
        return error
    return Refused("%s: %s" % (what, error.strerror or error))


def safe_name(name):
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or "\0" in name:
        raise Refused("The archive's member %r would land outside of its folder." % name)
    return os.path.join(*[part for part in parts if part not in ("", ".")] or ["."])


def write_member(source, path, mode):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.lexists(path) and not os.path.isdir(path):
        os.unlink(path)  # a later member of the same name wins, as with tar
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o755 if mode & 0o100 else 0o644)
    with open(fd, "wb") as handle:
        while True:
            chunk = source.read(COPY_BYTES)
            if not chunk:
                return
            handle.write(chunk)


def make_link(target, member, name):
    path = os.path.join(target, name)
    points_to = member.linkname
    inside = os.path.join(os.path.dirname(path), points_to) if member.issym() else os.path.join(target, points_to)
    real = os.path.realpath(inside)
    parent = os.path.realpath(os.path.dirname(path))
    require_inside(target, member, real)
    require_inside(target, member, parent)
    os.makedirs(parent, exist_ok=True)
    if os.path.lexists(path):
        os.unlink(path)
    if member.issym():
        os.symlink(points_to, path)
    else:
        os.link(real, path)


def require_inside(target, member, path):
    top = os.path.realpath(target)
    if member.linkname.startswith("/") or not (path == top or path.startswith(top + "/")):
        raise Refused("The archive's link %r points to %r, outside of its folder." % (member.name, member.linkname))
