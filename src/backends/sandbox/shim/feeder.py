"""Feeds the named pipes of a run: one process per channel, one pipe per epoch, for as long as the run's supervisor lives."""
import errno
import gzip
import os
import random
import signal
import stat
import struct
import zlib

import kernel

COPY_BYTES = 256 * 1024
RECORD_MAGIC = 0xCED7230A
RECORD_BYTES_MAX = (1 << 29) - 1
PROBLEM_FILE = "feeder-problem"


def start(folder, plan):
    """Makes the first pipes and the processes that feed them; their ids. Before the job exists, which could put links in the way."""
    pids = []
    for stream in plan["streams"]:
        directory = os.open(os.path.join(folder, stream["folder"]), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        for epoch in (0, 1):
            make_pipe(directory, stream, epoch)
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
                signal.set_wakeup_fd(-1)
                feed(folder, directory, stream)
                code = 0
            except Exception as error:  # whatever it is, the job must not take the rest for all there is
                tell(folder, stream, error)
            finally:
                os._exit(code)
        os.close(directory)
        pids.append(pid)
    return pids


def make_pipe(directory, stream, epoch):
    name = "%s_%d" % (stream["name"], epoch)
    os.mkfifo(name, 0o666, dir_fd=directory)
    os.chmod(name, 0o666, dir_fd=directory)


def tell(folder, stream, error):
    with open(os.path.join(folder, PROBLEM_FILE), "w") as file:
        file.write("Channel %s cannot be streamed: %s" % (stream["name"], describe(error)))


def describe(error):
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error) or type(error).__name__


def problem(folder):
    """What a process that ended said, if any did."""
    try:
        with open(os.path.join(folder, PROBLEM_FILE)) as file:
            return file.read()
    except OSError:
        return None


def feed(folder, directory, stream):
    """Epoch after epoch. The next pipe is there before this one ends, so that a reader need not look for it."""
    epoch = 0
    while True:
        name = "%s_%d" % (stream["name"], epoch)
        pipe = open_pipe(directory, name)
        if pipe is None:
            return  # the job removed it: it wants no more
        try:
            for part in parts_of(stream, epoch):
                write_part(pipe, folder, stream, part)
        except BrokenPipeError:
            pass  # the reader has had enough of this epoch
        make_pipe(directory, stream, epoch + 2)
        try:
            os.unlink(name, dir_fd=directory)  # a reader that came again would wait for ever
        except FileNotFoundError:
            pass
        os.close(pipe)
        epoch += 1


def open_pipe(directory, name):
    """Waits for a reader. What is no pipe any more is not written to."""
    try:
        pipe = os.open(name, os.O_WRONLY | os.O_NOFOLLOW, dir_fd=directory)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP, errno.EISDIR):
            return None
        raise
    if stat.S_ISFIFO(os.fstat(pipe).st_mode):
        return pipe
    os.close(pipe)
    return None


def parts_of(stream, epoch):
    items = list(stream["items"])
    if stream["shuffleSeed"] is not None:
        random.Random("%d %d" % (stream["shuffleSeed"], epoch)).shuffle(items)
    return [part for item in items for part in item]


def write_part(pipe, folder, stream, part):
    """A part is a file of the run or a text."""
    def chunks():
        if "text" in part:
            yield part["text"].encode()
            return
        with open(os.path.join(folder, part["file"]), "rb") as raw:
            source = gzip.GzipFile(fileobj=raw) if stream["decompress"] else raw
            try:
                while True:
                    chunk = source.read(COPY_BYTES)
                    if not chunk:
                        return
                    yield chunk
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise ValueError("an object is no readable gzip file (%s)" % error) from None

    if stream["wrap"]:
        write_record(pipe, sum(map(len, chunks())), chunks())
    else:
        for chunk in chunks():
            write_all(pipe, chunk)


def write_record(pipe, size, chunks):
    """RecordIO: magic, flag and length, content, padding to 4 bytes. What is too long for one length comes in several pieces."""
    pieces = max(1, -(-size // RECORD_BYTES_MAX))
    pending, left = b"", size
    for number in range(pieces):
        flag = 0 if pieces == 1 else 1 if number == 0 else 3 if number == pieces - 1 else 2
        length = min(left, RECORD_BYTES_MAX)
        left -= length
        write_all(pipe, struct.pack("<II", RECORD_MAGIC, flag << 29 | length))
        written = 0
        while written < length:
            pending = pending or next(chunks)
            taken = pending[: length - written]
            pending = pending[len(taken):]
            written += len(taken)
            write_all(pipe, taken)
        write_all(pipe, b"\0" * (-length % 4))


def write_all(pipe, content):
    view = memoryview(content)
    while view:
        view = view[os.write(pipe, view):]
