"""Shells that run commands. Version 0.2 has one for all commands and phases, 0.1 a fresh one for each command."""
import os
import select
import signal
import subprocess

import console

COMMANDS_FD, STATUS_FD = 8, 9  # single digits: other numbers are no descriptors to sh
FOLDER = "/opt/ml/build/shell"

# A command is sourced, so that variables, functions and the folder carry over. It may end the shell: the trap keeps what it exported.
LOOP = """__slipway_keep() { export -p >"%(folder)s/environment"; pwd >"%(folder)s/folder"; }
trap __slipway_keep EXIT
while IFS= read -r __slipway_next <&8; do
  { . "$__slipway_next"; } 8<&- 9<&-
  __slipway_status=$?
  __slipway_keep
  printf '%%s\\n' "$__slipway_status" >&9
done
trap - EXIT
"""


class Shell:
    """One shell that lives on; when a command ends it, the next one begins with what it had exported, in its folder."""

    def __init__(self, program, environment, folder):
        self.program, self.environment, self.start_folder = program, environment, folder
        self.process = None
        self.count = 0
        os.makedirs(FOLDER, exist_ok=True)
        self.loop = FOLDER + "/loop"
        with open(self.loop, "w") as file:
            file.write(LOOP % {"folder": FOLDER})
        signal.signal(signal.SIGTERM, self.terminated)

    def run(self, text):
        """The command's exit status."""
        if self.process is None:
            self.start()
        self.count += 1
        path = "%s/script-%d.sh" % (FOLDER, self.count)
        with open(path, "w") as file:
            file.write(text + "\n")
        os.write(self.commands, path.encode() + b"\n")
        status = self.wait()
        os.unlink(path)
        return status

    def start(self):
        commands_read, self.commands = os.pipe()
        self.status, status_write = os.pipe()
        self.output, output_write = os.pipe()
        os.set_blocking(self.output, False)

        def arrange():
            # upwards first: one of the pipes may have been given a number that is wanted
            high = [fcntl_dup(fd) for fd in (commands_read, status_write)]
            os.dup2(high[0], COMMANDS_FD)
            os.dup2(high[1], STATUS_FD)
            for fd in high:
                os.close(fd)

        restore = self.count > 0
        self.process = subprocess.Popen(
            [self.program, self.loop], stdin=subprocess.DEVNULL, stdout=output_write, stderr=output_write, close_fds=False,
            preexec_fn=arrange, env=self.environment, cwd=self.start_folder)
        for fd in (commands_read, status_write, output_write):
            os.close(fd)
        self.lines = console.Output()
        if restore:
            self.restore()

    def restore(self):
        restoring = FOLDER + "/restore"
        with open(restoring, "w") as file:
            file.write('. "%s/environment" 2>/dev/null\ncd "$(cat "%s/folder")" 2>/dev/null\ntrue\n' % (FOLDER, FOLDER))
        os.write(self.commands, restoring.encode() + b"\n")
        self.wait()

    def wait(self):
        """Copies output until the command has told its status, or the shell is gone."""
        poll = select.poll()
        for fd in (self.output, self.status):
            poll.register(fd, select.POLLIN)
        while True:
            ready = [fd for fd, _ in poll.poll()]
            if self.output in ready and not self.copy():
                poll.unregister(self.output)
            if self.status in ready:
                text = os.read(self.status, 64)
                while self.copy() is True:
                    pass
                self.lines.flush()
                return int(text) if text.strip() else self.gone()

    def copy(self):
        """True: there may be more now; None: not now; False: never again."""
        try:
            chunk = os.read(self.output, 65536)
        except BlockingIOError:
            return None
        self.lines.feed(chunk)
        return bool(chunk)

    def gone(self):
        code = self.process.wait()
        for fd in (self.commands, self.status, self.output):
            os.close(fd)
        self.process = None
        return code if code >= 0 else 128 - code

    def values(self, names):
        """Of variables of the shell, exported or not; absent ones are left out."""
        path = FOLDER + "/values"
        lines = ['[ -z "${%s+x}" ] || printf \'%%s\\0\' "%s=${%s}"' % (name, name, name) for name in names]
        self.run("{\n:\n%s\n} >'%s'" % ("\n".join(lines), path))
        return parse(path)

    def exported(self):
        path = FOLDER + "/values"
        self.run("env -0 >'%s'" % path)
        return parse(path)

    def terminated(self, *_):
        if self.process is not None:
            self.process.terminate()
        os._exit(143)


class FreshShells(Shell):
    """Version 0.1: what a command changes is gone with its shell."""

    def run(self, text):
        status = super().run(text)
        if self.process is not None:
            os.close(self.commands)
            self.process.wait()
            for fd in (self.status, self.output):
                os.close(fd)
            self.process = None
        return status

    def restore(self):
        pass


def fcntl_dup(fd):
    import fcntl

    return fcntl.fcntl(fd, fcntl.F_DUPFD, 10)


def parse(path):
    try:
        with open(path, "rb") as file:
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return {}
    return dict(entry.split("=", 1) for entry in text.split("\0") if "=" in entry)
