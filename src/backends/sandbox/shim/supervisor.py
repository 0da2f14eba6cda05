"""Supervises one run from claim to exit record, whether or not the server lives.

In the run's folder: `plan.json` (what to do, written whole before we start), `claim` (who does it), `stop` (a wish to
end; SIGUSR1 means: look again). Records for the server: `<runs>/.records/<id>.started` and
`<id>.ended`, each placed by one rename, so that a watcher of that folder sees a record only when it is whole.
"""
import errno
import json
import os
import select
import signal
import time

import isolation
import kernel
import log_writer
import process_table
import staging
from refusal import Refused
from started import StartFailed, send

SAMPLE_SECONDS = 0.5  # of memory, where no control group counts it
LOOK_SECONDS = 5  # at the disk, and at the control group's word that it had to kill
RETRY_SECONDS = 0.02  # of a SIGTERM that found no process yet
RECORD_BYTES = 4096


def run(runs, run_id, group):
    Supervisor(runs, run_id, group).run()


class Supervisor:
    def __init__(self, runs, run_id, group):
        self.runs = runs
        self.id = run_id
        self.folder = os.path.join(runs, run_id)
        self.group = group  # the memory group we and all we start are in, or None
        self.sandbox = None
        self.forwarders = []  # process ids
        self.feeders = []  # process ids
        self.reason = None  # why we are ending it; None while the job decides
        self.kill_at = None
        self.told = False  # whether the job has had its SIGTERM
        self.started_ms = None
        self.show_start_at = None
        self.look_at = 0  # next look at memory and disk

    def run(self):
        detach()
        if not self.claim():
            return
        try:
            self.reserve_record()
            with open(self.folder + "/plan.json") as file:
                self.plan = json.load(file)
            self.supervise()
        except (OSError, ValueError, KeyError, StartFailed, Refused) as error:
            self.fail(error)
        except BaseException as error:
            self.fail("%s: %s" % (type(error).__name__, error))
            raise

    def fail(self, error):
        self.disconnect()
        if self.sandbox:
            self.sandbox.kill()
            self.sandbox.conclude(Usage())
        self.end("failed-to-start" if self.started_ms is None else "lost", None, message_of(error, self.folder))

    # claim and records

    def claim(self):
        """Exactly one supervisor ever runs a run."""
        try:
            fd = os.open(self.folder + "/claim", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except (FileExistsError, FileNotFoundError):
            return False
        os.write(fd, b"%d %d\n" % (os.getpid(), process_table.start_ticks("self")))
        os.close(fd)
        return True

    def reserve_record(self):
        """The exit record's bytes are taken now, so that a full disk cannot swallow it later."""
        with open(self.folder + "/ended", "wb") as file:
            file.write(b" " * RECORD_BYTES)

    def end(self, reason, status_code, message=None, usage=None):
        record = {
            "reason": reason, "exitCode": status_code, "message": message, "startedAtMs": self.started_ms,
            "endedAtMs": now_ms(), "isolation": self.plan["isolation"] if hasattr(self, "plan") else "none",
            "bootId": boot_id(), **(usage or {}),
        }
        text = json.dumps(record)
        if len(text) > RECORD_BYTES:
            record["message"] = (message or "")[:500]
            text = json.dumps(record)
        while True:
            try:
                fd = os.open(self.folder + "/ended", os.O_WRONLY | os.O_CREAT, 0o600)
                os.pwrite(fd, text.encode().ljust(RECORD_BYTES), 0)
                os.close(fd)
                os.rename(self.folder + "/ended", "%s/.records/%s.ended" % (self.runs, self.id))
                return
            except FileNotFoundError:
                return  # the run was released under us
            except OSError:
                time.sleep(1)  # a full disk: the end of a job must not be lost for it

    def record_start(self):
        self.show_start_at = None
        path = self.folder + "/started"
        with open(path, "w") as file:
            json.dump({"startedAtMs": self.started_ms, "isolation": self.plan["isolation"]}, file)
        os.rename(path, "%s/.records/%s.started" % (self.runs, self.id))

    # life

    def supervise(self):
        plan = self.plan
        woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        staging.prepare(self.folder, plan)
        if self.stop_wanted():
            return self.end("stopped", None, "Stopped before it started.")
        if plan.get("image"):
            import image_root  # what few runs need is not loaded for all

            image_root.prepare(self.folder, plan)
        if plan.get("sharedNetwork"):
            import cluster_network

            plan["networkHolder"] = cluster_network.join(self.runs, plan["sharedNetwork"])
        lock = staging.take_plain_root(plan, self.stop_wanted) if plan["ownsPlainRoot"] else None
        log = log_writer.LogWriter(plan["logFile"])
        log.lines(plan["preamble"])
        if self.group and plan["memoryBytes"] and not plan.get("container"):  # an engine's own group has the limit
            self.group.limit(plan["memoryBytes"])
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)  # so that we inherit, and measure, the sandbox's first process
        signal.signal(signal.SIGCHLD, lambda *_: None)
        if plan.get("streams"):
            import feeder

            self.feeders = feeder.start(self.folder, plan)
        output_read, output_write = os.pipe()
        self.sandbox = isolation.start(plan, output_write, self.connect if plan.get("serve") else None)
        os.close(output_write)
        self.group = self.sandbox.group(self.group)
        self.started_ms = now_ms()
        self.show_start_at = time.monotonic() + plan["showStartAfterSeconds"]
        self.look_at = time.monotonic() + self.look_seconds()
        code, usage = self.watch(output_read, woken, log)
        if lock is not None:
            staging.give_plain_root(plan)
        self.finish(code, usage, log)

    def connect(self, init):
        """The server of an image listens where AWS has it listen, and is reached by the run's socket."""
        import forwarder

        self.forwarders = forwarder.start(self.plan["serve"], init)

    def disconnect(self):
        for pid in self.forwarders + self.feeders:
            send(pid, signal.SIGKILL)
        self.forwarders, self.feeders = [], []

    def watch(self, output, woken, log):
        """Until every process of the sandbox is gone: copies output, minds clock, memory and stop wishes."""
        poll = select.poll()
        for fd in (output, woken):
            poll.register(fd, select.POLLIN)
        deadline = self.deadline()
        code, usage, output_open, alive = None, Usage(), True, True
        drain_until = None
        while alive or output_open:
            for fd, _ in poll.poll(self.wait_ms(deadline, drain_until)):
                if fd == output and not log.copy(output):
                    poll.unregister(output)
                    output_open = False
                elif fd == woken:
                    os.read(woken, 4096)
            while alive:
                pid, status, spent = wait_any()
                if pid is None:
                    alive = False
                    drain_until = time.monotonic() + 2  # plain: a stray process may hold the pipe open
                elif pid == 0:
                    break
                else:
                    usage.add(spent)
                    if pid == self.sandbox.outer:
                        code = isolation.exit_code(status)
                        self.disconnect()
                    elif pid in self.forwarders:
                        self.sandbox.kill()  # a server that nobody can reach: it is started anew
                    elif pid in self.feeders:
                        self.feeders.remove(pid)
                        if status:  # the rest of its data is missing, which the job must not take for the end
                            self.reason = self.reason or "out-of-data"
                            self.sandbox.kill()
            if alive:
                self.mind(deadline)
            elif drain_until and time.monotonic() > drain_until:
                break
        return code, usage

    def deadline(self):
        seconds = self.plan.get("maxRuntimeSeconds")
        return time.monotonic() + seconds if seconds else None

    def wait_ms(self, deadline, drain_until):
        moments = (deadline if not self.reason else None, self.kill_at, drain_until, self.show_start_at)
        moments = [moment for moment in moments if moment is not None]
        left = min(moments) - time.monotonic() if moments else None
        if not drain_until:
            left = self.look_seconds() if left is None else min(left, self.look_seconds())
        if self.reason and self.kill_at and not self.told:
            left = min(left, RETRY_SECONDS)
        return None if left is None else max(0, left * 1000 + 1)

    def mind(self, deadline):
        if self.show_start_at is not None and time.monotonic() >= self.show_start_at:
            self.record_start()
        if self.reason is None:
            if self.stop_wanted():
                self.begin_end("stopped")
            elif deadline and time.monotonic() >= deadline:
                self.begin_end("max-runtime")
            elif time.monotonic() >= self.look_at:
                self.look_at = time.monotonic() + self.look_seconds()
                if self.peer_failed():
                    return self.begin_end("stopped")
                self.reason = self.exhausted()
                if self.reason:
                    self.sandbox.kill()
        elif self.kill_at and time.monotonic() >= self.kill_at:
            self.sandbox.kill()
            self.kill_at = time.monotonic() + 1
        elif not self.told:
            self.told = self.sandbox.terminate()

    def peer_failed(self):
        """Whether another host of the job ended badly; the server tells us sooner, if it lives."""
        for peer in self.plan.get("peers", ()):
            try:
                with open("%s/.records/%s.ended" % (self.runs, peer)) as file:
                    record = json.load(file)
            except (OSError, ValueError):
                continue
            if record["reason"] != "exited" or record["exitCode"] != 0:
                return True
        return False

    def begin_end(self, reason):
        self.reason = reason
        self.kill_at = time.monotonic() + self.plan["graceSeconds"]
        self.told = self.sandbox.terminate()

    def stop_wanted(self):
        return os.path.exists(self.folder + "/stop")

    def look_seconds(self):
        """However much the job writes to its log, memory and disk are looked at no oftener."""
        return LOOK_SECONDS if self.group or not self.plan["memoryBytes"] else SAMPLE_SECONDS

    def exhausted(self):
        """Which resource has run out, if any."""
        limit = self.plan["memoryBytes"]
        # where the kernel counts, it took one process; the others must not wait for that one for ever
        if limit and (self.group.killed() if self.group else self.over_memory(limit)):
            return "out-of-memory"
        found = os.statvfs(self.folder)
        return "out-of-disk" if found.f_bavail * found.f_frsize < self.plan["diskReserveBytes"] else None

    def over_memory(self, limit):
        pids = self.sandbox.pids()
        if sum(map(process_table.resident_bytes, pids)) <= limit:
            return False
        return sum(map(process_table.proportional_bytes, pids)) > limit

    def finish(self, code, usage, log):
        usage = self.sandbox.conclude(usage)
        peak, killed = usage.peak_bytes, usage.killed
        if self.group:
            peak, killed = self.group.peak_bytes() or peak, killed or self.group.killed()
        reason = self.reason or self.reason_of_end()
        if (killed and code != 0 and reason == "exited") or reason == "out-of-memory":
            reason, code = "out-of-memory", 137
            log.lines(["slipway: killed: more than %d MiB of memory" % (self.plan["memoryBytes"] >> 20)])
        message = log.problem
        if reason == "out-of-disk":
            reason, message = "exited", "The disk of the data folder was full, so the job was ended."
        if reason == "out-of-data":
            import feeder

            # also one that took what there was for all and left well
            reason, code = "exited", code or 1
            message = feeder.problem(self.folder) or "A channel cannot be streamed: its feeder was killed."
        if self.plan.get("image"):
            import image_root

            image_root.discard(self.plan)
        refusal = log.sandbox_refusal() if reason == "exited" and code in (1, 127) else None
        log.close()
        if refusal:
            return self.end("failed-to-start", None, refusal)
        self.end(reason, code, message, {"cpuMs": usage.cpu_ms, "peakMemoryBytes": peak})

    def reason_of_end(self):
        """A feeder says what is wrong before its pipe ends for the job, but may be seen to end after it."""
        if not self.plan.get("streams"):
            return "exited"
        import feeder

        return "out-of-data" if feeder.problem(self.folder) else "exited"


class Usage:
    def __init__(self):
        self.cpu_ms = 0
        self.peak_bytes = 0
        self.killed = False  # for want of memory, where the sandbox knows

    def add(self, spent):
        # each process tells of itself and of those it waited for: what we reap adds up without counting twice
        self.cpu_ms += round((spent.ru_utime + spent.ru_stime) * 1000)
        self.peak_bytes = max(self.peak_bytes, spent.ru_maxrss * 1024)


def wait_any():
    """(pid, status, usage); pid 0: none has ended yet; None: no child is left."""
    try:
        return os.wait4(-1, os.WNOHANG)
    except ChildProcessError:
        return None, 0, None


def detach():
    """Out of the server's session, its terminal and its pipes."""
    os.setsid()
    kernel.new_session_keyring()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, lambda *_: None)  # before the claim, which tells the server whom to wake
    nothing = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nothing, fd)
    os.close(nothing)


def now_ms():
    return int(time.time() * 1000)


def boot_id():
    """Files that a job left before the machine went down may be gone or torn."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return ""


def message_of(error, folder):
    """For users of the API, whom the places of the host do not concern."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "No space left on the disk of the data folder: free some and run the job again."
    return str(error).replace(folder + "/", "").replace(folder, "")
