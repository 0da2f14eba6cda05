"""Process 1 of a container: starts the job as told in init.json, hands SIGTERM on, reaps, and ends like the job.

A first process ignores what it has no handler for, so the job cannot be that itself.
"""
import json
import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import isolation
import memory_group
import process_limit
from started import send

RUN = "/.slipway/run/"


def main():
    with open(RUN + "init.json") as file:
        plan = json.load(file)
    # opened without waiting: where nobody reads, the supervisor has died and the job has nobody to mind it
    status, usage = (os.open(RUN + name, os.O_WRONLY | os.O_NONBLOCK) for name in ("status", "usage"))
    isolation.report(status, "up")
    if plan["hold"]:
        with open(RUN + "hold", "rb", buffering=0) as hold:
            if hold.read(1) != b"x":
                os._exit(125)
    os.chmod("/", 0o755)  # podman makes it read-only, which root without capabilities has to heed
    isolation.be_the_job(plan)
    process_limit.lower_hard_limit(0)
    job = os.fork()
    if job == 0:
        try:
            os.setsid()
            os.chdir(plan["workingDirectory"])
            isolation.execute(plan)
        except BaseException as error:
            isolation.report(status, "failed " + isolation.describe(error))
        finally:
            os._exit(127)
    signal.signal(signal.SIGTERM, lambda *_: send(job, signal.SIGTERM))
    os.close(status)
    os.close(1)
    os.close(2)
    os._exit(reap(job, usage))


def reap(job, usage):
    cpu_ms, peak_bytes = 0, 0
    while True:
        pid, status, spent = os.wait4(-1, 0)
        cpu_ms += round((spent.ru_utime + spent.ru_stime) * 1000)
        peak_bytes = max(peak_bytes, spent.ru_maxrss * 1024)
        if pid == job:
            break
    group = memory_group.ROOT + ("/memory" if os.path.isdir(memory_group.ROOT + "/memory") else "")
    killed = memory_group.MemoryGroup(group, False).killed()
    try:
        os.write(usage, json.dumps({"cpuMs": cpu_ms, "peakBytes": peak_bytes, "killed": killed}).encode())
    except OSError:
        pass  # nobody is there to be told
    return isolation.exit_code(status)


if __name__ == "__main__":
    main()
