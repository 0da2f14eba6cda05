"""Applies one layer of an image, an uncompressed tar on standard input, to a folder: `layer.py <folder> <bytes max>`.

Whoever made the layer is not trusted. Every path is walked from the folder's own descriptor, part by part and without following
links; a link on the way is resolved inside of the folder, as it would be in the image. Nothing outside can be named.
Owners, set-user-id bits, extended attributes and device nodes are not kept: everything belongs to whoever unpacks, which is root inside.
Exit 3 with a sentence on standard error: the layer is refused.
"""
import errno
import os
import stat
import sys
import tarfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # isolated, Python leaves it out

from tar_headers import Member  # noqa: E402

MEMBERS_MAX = 2_000_000
LINKS_MAX = 40  # on one way, as the kernel has it
DEPTH_MAX = 400  # no path of the kernel's is much deeper, and removals go down as far
COPY_BYTES = 1024 * 1024
PADDING_BYTES_MAX = 64 * 1024 * 1024
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"


class Refused(Exception):
    pass


class Layer:
    def __init__(self, top, bytes_max):
        self.top = os.open(top, DIRECTORY)
        self.bytes_left = bytes_max
        self.bytes_max = bytes_max
        self.own = set()  # what this layer has made: its whiteouts take away only what is below
        self.above_own = set()  # the folders on the way there

    def apply(self, stream):
        with tarfile.open(fileobj=stream, mode="r|", bufsize=COPY_BYTES, errors="surrogateescape", tarinfo=Member) as archive:
            for count, member in enumerate(archive):
                archive.members = []  # each is seen once; two million of them need not stay
                if count >= MEMBERS_MAX:
                    raise Refused("it has more than %d members" % MEMBERS_MAX)
                self.place(archive, member)

    def place(self, archive, member):
        parts = parts_of(member.name)
        if not parts:
            return  # the root folder itself
        folders, name = parts[:-1], parts[-1]
        if name.startswith(WHITEOUT):
            return self.white_out(folders, name)
        parent, real = self.walk(folders, member.name)
        try:
            path = tuple(real) + (name,)
            if member.isdir():
                self.make_directory(parent, name, member)
            elif member.isreg():
                self.take_bytes(member.size)
                self.clear(parent, name)
                write_file(archive.extractfile(member), parent, name, member)
            elif member.issym():
                self.clear(parent, name)
                os.symlink(member.linkname, name, dir_fd=parent)
            elif member.islnk():
                self.link(parent, name, member)
            elif member.isfifo():
                self.clear(parent, name)
                os.mkfifo(name, mode_of(member), dir_fd=parent)
            elif member.isdev():
                if path[0] != "dev":  # where the sandbox shows devices of its own
                    raise Refused("its member %r is a device, which is not made" % member.name)
                return
            else:
                raise Refused("its member %r is of a kind that is not known" % member.name)
            self.made(path)
        finally:
            os.close(parent)

    def take_bytes(self, size):
        self.bytes_left -= size
        if self.bytes_left < 0:
            raise Refused("the image unpacks to more than %d bytes, which is all there is room for" % self.bytes_max)

    # ways

    def walk(self, parts, named, make=True):
        """A descriptor of the folder behind `parts`, and where it really is. Links are followed as if the folder were the root."""
        left, real, links = list(parts), [], 0
        opened = [os.dup(self.top)]
        try:
            while left:
                part = left.pop(0)
                if part == "..":
                    if real:
                        real.pop()
                        os.close(opened.pop())
                    continue
                target = link_target(part, opened[-1])
                if target is not None:
                    links += 1
                    if links > LINKS_MAX:
                        raise Refused("its member %r leads through a circle of links" % named)
                    if target.startswith("/"):
                        while real:
                            real.pop()
                            os.close(opened.pop())
                    left[:0] = [each for each in target.split("/") if each not in ("", ".")]
                    continue
                if make:
                    self.ensure_directory(opened[-1], part, tuple(real) + (part,))
                opened.append(os.open(part, DIRECTORY, dir_fd=opened[-1]))
                real.append(part)
                if len(real) > DEPTH_MAX:
                    raise Refused("its member %r is too deep" % named[-100:])
            return os.dup(opened[-1]), real
        finally:
            for fd in opened:
                os.close(fd)

    def ensure_directory(self, parent, name, path):
        found = look(name, parent)
        if found is not None and stat.S_ISDIR(found.st_mode):
            return
        if found is not None:
            os.unlink(name, dir_fd=parent)
        os.mkdir(name, 0o755, dir_fd=parent)
        self.made(path)

    def made(self, path):
        self.own.add(path)
        while path and path[:-1] not in self.above_own:
            path = path[:-1]
            self.above_own.add(path)

    def make_directory(self, parent, name, member):
        found = look(name, parent)
        mode = (member.mode & 0o777) | 0o700
        if found is None or not stat.S_ISDIR(found.st_mode):
            self.clear(parent, name)
            os.mkdir(name, 0o700, dir_fd=parent)
        fd = os.open(name, DIRECTORY, dir_fd=parent)
        os.fchmod(fd, mode)
        os.close(fd)

    def link(self, parent, name, member):
        parts = parts_of(member.linkname)
        if not parts:
            raise Refused("its member %r is a link to nothing" % member.name)
        try:
            source, _ = self.walk(parts[:-1], member.name, make=False)
        except FileNotFoundError:
            raise Refused("its member %r is a link to %r, which is not there" % (member.name, member.linkname)) from None
        try:
            found = look(parts[-1], source)
            if found is None:
                raise Refused("its member %r is a link to %r, which is not there" % (member.name, member.linkname))
            if stat.S_ISDIR(found.st_mode):
                raise Refused("its member %r is a hard link to a folder" % member.name)
            here = look(name, parent)
            if here is not None and (here.st_ino, here.st_dev) == (found.st_ino, found.st_dev):
                return
            self.clear(parent, name)
            os.link(parts[-1], name, src_dir_fd=source, dst_dir_fd=parent, follow_symlinks=False)
        finally:
            os.close(source)

    # removal

    def white_out(self, folders, name):
        try:
            parent, real = self.walk(folders, name, make=False)
        except (FileNotFoundError, NotADirectoryError):
            return  # nothing below to hide
        try:
            if name == OPAQUE:
                self.remove_below(parent, tuple(real))
            elif not name.startswith(WHITEOUT + WHITEOUT):  # else bookkeeping of an old file system
                hidden = name[len(WHITEOUT):]
                if hidden in ("", ".", ".."):
                    raise Refused("its member %r hides no name" % name)
                if tuple(real) + (hidden,) not in self.own:
                    remove(parent, hidden)
        finally:
            os.close(parent)

    def remove_below(self, folder, path):
        for name in os.listdir(folder):
            below = path + (name,)
            found = look(name, folder)
            if below not in self.own:
                if found is not None and stat.S_ISDIR(found.st_mode) and below in self.above_own:
                    fd = os.open(name, DIRECTORY, dir_fd=folder)
                    self.remove_below(fd, below)
                    os.close(fd)
                else:
                    remove(folder, name)
            elif found is not None and stat.S_ISDIR(found.st_mode):
                fd = os.open(name, DIRECTORY, dir_fd=folder)
                self.remove_below(fd, below)
                os.close(fd)

    def clear(self, parent, name):
        """Whatever has the name goes: the later member wins."""
        remove(parent, name)


def parts_of(name):
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in name:
        raise Refused("its member %r would land outside of the image" % name)
    return parts


def link_target(name, parent):
    try:
        return os.readlink(name, dir_fd=parent)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOENT):
            return None  # no link, or nothing yet
        raise


def look(name, parent):
    try:
        return os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return None


def remove(parent, name):
    found = look(name, parent)
    if found is None:
        return
    if not stat.S_ISDIR(found.st_mode):
        return os.unlink(name, dir_fd=parent)
    fd = os.open(name, DIRECTORY, dir_fd=parent)
    try:
        for below in os.listdir(fd):
            remove(fd, below)
    finally:
        os.close(fd)
    os.rmdir(name, dir_fd=parent)


def mode_of(member):
    """Root inside has no power over modes, so what root could read, write and start there its owner can."""
    mode = (member.mode & 0o777) | 0o600
    return mode | 0o100 if mode & 0o111 else mode


def write_file(source, parent, name, member):
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(name, flags, 0o600, dir_fd=parent)
    with open(fd, "wb") as handle:
        left = member.size
        while True:
            chunk = source.read(COPY_BYTES)
            if not chunk:
                break
            left -= len(chunk)
            handle.write(chunk)
        if left > 0:
            raise Refused("it ends in the middle of %r" % member.name)
        handle.flush()
        os.fchmod(fd, mode_of(member))
        os.utime(fd, (member.mtime, member.mtime))  # compiled Python counts on them


def main(folder, bytes_max):
    os.umask(0)
    stream = sys.stdin.buffer
    try:
        layer = Layer(folder, int(bytes_max))
        layer.apply(stream)
        print(layer.bytes_left)
    except Refused as error:
        return refuse(error)
    except (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError) as error:
        return refuse("it is no readable tar: %s" % error)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return refuse("there is no room for it on the disk of the cache folder")
        if error.errno in (errno.ENAMETOOLONG, errno.ENOTDIR, errno.ELOOP, errno.EILSEQ):
            return refuse("a member cannot be made: %s" % error.strerror)
        raise
    padding = 0
    while chunk := stream.read(COPY_BYTES):  # what pads the end: its sender computes a digest over everything
        padding += len(chunk)
        if padding > PADDING_BYTES_MAX:
            return refuse("more than %d bytes follow its end" % PADDING_BYTES_MAX)
    return 0


def refuse(why):
    print(why, file=sys.stderr)
    return 3


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
