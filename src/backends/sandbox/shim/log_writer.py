"""Writes the job's output to its log file, each line stamped with the time it came in epoch milliseconds."""
import errno
import os
import time

LINE_BYTES_MAX = 256 * 1024  # what a log event may hold
CHUNK_BYTES = 256 * 1024
CUT = b" [line cut by slipway]"


class LogWriter:
    def __init__(self, path):
        self.file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        self.pending = b""
        self.cutting = False
        self.problem = None
        self.first = b""

    def lines(self, texts):
        self.write(b"".join(self.stamp() + text.replace("\n", " ").encode() + b"\n" for text in texts))

    def stamp(self):
        return b"%d " % (time.time_ns() // 1000000)

    def copy(self, source):
        """Copies what is there; False at the end."""
        chunk = os.read(source, CHUNK_BYTES)
        if not chunk:
            if self.pending:
                self.write(self.stamp() + self.pending + b"\n")
                self.pending = b""
            return False
        if len(self.first) < 1024:
            self.first += chunk[:1024]
        *lines, rest = chunk.split(b"\n")
        stamp = self.stamp()
        written = []
        for line in lines:
            if self.cutting:
                self.cutting = False  # the rest of a line that is already written
                continue
            line, self.pending = self.pending + line, b""
            written += (stamp, line if len(line) <= LINE_BYTES_MAX else line[:LINE_BYTES_MAX] + CUT, b"\n")
        if not self.cutting:
            self.pending += rest
            if len(self.pending) > LINE_BYTES_MAX:
                written += (stamp, self.pending[:LINE_BYTES_MAX], CUT, b"\n")
                self.pending, self.cutting = b"", True
        if written:
            self.write(b"".join(written))
        return True

    def write(self, content):
        """A job must not hang or die because its log cannot be kept: the loss is told with its end instead."""
        try:
            while content:
                content = content[os.write(self.file, content):]
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            self.problem = "The log is incomplete: %s" % ("no space left on the disk." if full else error.strerror)

    def sandbox_refusal(self):
        """bubblewrap has no other way to say that it could not make the sandbox or find the program."""
        text = self.first.decode("utf-8", "replace").strip()
        return text if text.startswith("bwrap: ") and "\n" not in text else None

    def close(self):
        os.close(self.file)
