"""Forks one supervisor per run, so that a run costs a fork and not an interpreter start.

Started by the server with the runs folder as its argument. Reads run ids from standard input, one a line; a `!` line
asks for a report of what this host allows. Ends at end of file, that is when the server goes; supervisors live on in
sessions of their own. Losing this process loses nothing: a run is claimed by its supervisor, and the server hands an
unclaimed run to the next spawner.
"""
import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import memory_group
import supervisor


def main(runs):
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # supervisors are reaped by the kernel
    for ignored in (signal.SIGINT, signal.SIGHUP):  # Ctrl-C in the server's terminal is the server's business
        signal.signal(ignored, signal.SIG_IGN)
    group_parent = memory_group.find_parent()
    os.write(1, b"ready\n")
    pending = b""
    while True:
        chunk = os.read(0, 65536)
        if not chunk:
            return
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            fork_supervisor(runs, line.decode("ascii"), group_parent)


def fork_supervisor(runs, run_id, group_parent):
    try:
        pid = os.fork()
    except OSError as error:
        # the server hears of it and tries again: nothing has been claimed
        os.write(1, ("refused %s %s\n" % (run_id, error.strerror)).encode())
        return
    if pid == 0:
        code = 1
        try:
            supervisor.run(runs, run_id, group_parent)
            code = 0
        finally:
            os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1])
