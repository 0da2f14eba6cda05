"""What every isolation gives once it has started a job, and what it raises when it cannot."""
import os
import signal

import process_table

# whose dispositions a supervisor changes for itself, and a job gets back
DEFAULT_SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGPIPE, signal.SIGXFSZ)


class Sandbox:
    """`outer` is our direct child. `init` is process 1 of the sandbox: killing it ends everything inside."""

    def __init__(self, outer, init, status=None):
        self.outer = outer
        self.init = init
        self.status = status  # held open: bubblewrap reports to it once more at its end and must find a reader

    def main(self):
        """The job's own process, which a stop addresses; None while there is none."""
        if self.init == self.outer:
            return self.outer
        inside = process_table.children(self.init)
        return inside[0] if inside else None

    def terminate(self):
        """False while the job's process does not exist yet; process 1 would ignore the signal."""
        main = self.main()
        if main is None:
            return False
        send(main, signal.SIGTERM)
        return True

    def kill(self):
        if self.init == self.outer:  # plain: no namespace that ends with its first process
            for pid in reversed(process_table.descendants(self.init)):
                send(pid, signal.SIGKILL)
        send(self.init, signal.SIGKILL)

    def pids(self):
        return process_table.descendants(self.init)

    def group(self, own):
        """The group that counts the job's memory: the one its supervisor is in."""
        return own

    def conclude(self, usage):
        """What the job used, once every process of the sandbox is gone."""
        return usage


def send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


class StartFailed(Exception):
    pass
