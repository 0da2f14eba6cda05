"""What the build's log shows: our own lines in CodeBuild's form, and output of commands, with secret values hidden."""
import os
import time

HIDDEN = b"***"
LINE_BYTES_MAX = 64 * 1024
SECRET_BYTES_MIN = 3  # less is no secret, and would blot out the log

_secrets = []


def hide(values):
    lines = {line.encode() for value in values for line in [value, *value.splitlines()]}
    _secrets[:] = sorted((line for line in lines if len(line) >= SECRET_BYTES_MIN), key=len, reverse=True)


def masked(text):
    for secret in _secrets:
        text = text.replace(secret, HIDDEN)
    return text


def say(text):
    now = time.time()
    stamp = time.strftime("%Y/%m/%d %H:%M:%S", time.gmtime(now)) + ".%06d" % int(now % 1 * 1e6)
    write(b"[Container] %s %s\n" % (stamp.encode(), masked(text.encode("utf-8", "replace"))))


def write(content):
    while content:
        content = content[os.write(1, content):]


class Output:
    """Output of commands as it comes; passed on in whole lines, so that no secret is cut in two."""

    def __init__(self):
        self.pending = b""

    def feed(self, chunk):
        whole, newline, rest = (self.pending + chunk).rpartition(b"\n")
        if newline:
            write(masked(whole) + b"\n")
        self.pending = rest
        if len(rest) > LINE_BYTES_MAX:
            self.cut()

    def cut(self):
        """A line that is too long; what may be the beginning of a secret waits for its rest."""
        text = masked(self.pending)
        end = max(0, len(text) - (len(_secrets[0]) - 1 if _secrets else 0))
        self.pending = text[end:]
        if end:
            write(text[:end] + b"\n")

    def flush(self):
        if self.pending:
            write(masked(self.pending) + b"\n")
        self.pending = b""
