"""Forks one supervisor per run, so that a run costs a fork and not an interpreter start.

Started by the server with the runs folder as its argument. Reads run ids from standard input, one a line; a `!` line
asks for a report of what this host allows. Ends at end of file, that is when the server goes; supervisors live on in
sessions of their own. Losing this process loses nothing: a run is claimed by its supervisor, and the server hands an
unclaimed run to the next spawner.
"""
import gc
import os
import select
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import memory_group
import process_limit
import supervisor


def main(runs):
    close_inherited()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # supervisors are reaped by the kernel
    for ignored in (signal.SIGINT, signal.SIGHUP):  # Ctrl-C in the server's terminal is the server's business
        signal.signal(ignored, signal.SIG_IGN)
    gc.disable()  # a collection after a fork would copy every page it marks
    gc.freeze()
    spare = Spare(runs, memory_group.find_parent(), process_limit.find_parent())
    pending = b""
    while True:
        chunk = os.read(0, 65536)
        if not chunk:
            return
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            spare.take(line.decode("ascii"))


def close_inherited():
    """What the server's own starter left open (a lock, a pipe of its shell) must not reach jobs, nor be held by them."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2:
            try:
                os.close(int(name))
            except OSError:
                pass  # the listing's own


class Spare:
    """One supervisor waits ready, a member of its memory group already: joining makes the kernel wait for all processors,
    which may take longer than all else in a start."""

    def __init__(self, runs, group_parent, processes_parent):
        self.runs = runs
        self.group_parent = group_parent
        self.processes_parent = processes_parent
        self.hand_over = None
        self.refusal = ""
        self.fork()

    def take(self, run_id):
        for _ in range(2):
            if self.hand_over is None:
                self.fork()
            if self.give(run_id):
                break
        else:
            # the server hears of it and tries again: nothing has been claimed
            os.write(1, ("refused %s %s\n" % (run_id, self.refusal)).encode())
        # the next one when nothing else is asked for
        if not select.select([0], [], [], 0)[0]:
            self.fork()

    def give(self, run_id):
        if self.hand_over is None:
            return False
        try:
            os.write(self.hand_over, run_id.encode())
            return True
        except BrokenPipeError:
            self.refusal = "the waiting process was killed"
            return False
        finally:
            os.close(self.hand_over)
            self.hand_over = None

    def fork(self):
        for parent in (self.group_parent, self.processes_parent):
            memory_group.remove_left_over(parent)
        receive, hand_over = os.pipe()
        try:
            pid = os.fork()
        except OSError as error:
            self.refusal = error.strerror
            os.close(receive)
            os.close(hand_over)
            return
        if pid == 0:
            code = 1
            try:
                os.close(hand_over)
                self.supervise(receive)
                code = 0
            finally:
                os._exit(code)
        os.close(receive)
        self.hand_over = hand_over

    def supervise(self, receive):
        group = memory_group.enter_own(self.group_parent)
        process_limit.enter_group(self.processes_parent, group)
        run_id = os.read(receive, 256).decode("ascii")  # nothing: the spawner went, and nobody needs us
        os.close(receive)
        if run_id:
            supervisor.run(self.runs, run_id, group)


if __name__ == "__main__":
    main(sys.argv[1])
