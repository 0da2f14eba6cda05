"""A container engine makes the sandbox: its client runs in the foreground, container_init.py is process 1 inside.

In the folder `container` of the run: `init.json`, what process 1 is to do (so that neither tokens nor anything else of the
job stands on a command line; an engine's own file of variables holds no line breaks), and named pipes: `status` from it,
`hold` to it, `usage` from it at the end. The container outlives a supervisor that is killed: the server removes it by its name.
"""
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time

import kernel
import memory_group
import process_limit
import process_table
from started import DEFAULT_SIGNALS, Sandbox, StartFailed, send

INSIDE = "/.slipway"
START_SECONDS = 120
ANSWER_SECONDS = 5  # within which an engine says that it is there
COMMAND_SECONDS = 60
LOOK_SECONDS = 0.01
# by which engines find their configuration, their service and their storage
VARIABLES = ("PATH", "HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "DBUS_SESSION_BUS_ADDRESS", "TMPDIR",
             "DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY", "CONTAINER_HOST",
             "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF")


def find():
    """The engines that answer here, and why the others do not: ([{engine, program, environment}], [reason])."""
    environment = {name: os.environ[name] for name in VARIABLES if name in os.environ}
    found, reasons = [], []
    for name in ("podman", "docker"):
        program = shutil.which(name)
        if program is None:
            reasons.append("%s is not installed" % name)
            continue
        try:
            asked = subprocess.run([program, "version"], env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                                   timeout=ANSWER_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired):
            reasons.append("%s does not answer" % name)
            continue
        if asked.returncode:
            reasons.append("%s has no engine that answers: %s" % (name, last_line(asked.stderr)))
            continue
        # podman is also installed under the other's name; what follows the first line may speak of a service
        engine = "podman" if name == "podman" or b"podman" in asked.stdout.split(b"\n")[0].lower() else "docker"
        found.append({"engine": engine, "program": program, "environment": environment})
    return found, reasons


def last_line(output):
    return (output.decode("utf-8", "replace").strip().splitlines() or ["no reason given"])[-1]


class Engine:
    def __init__(self, container):
        self.is_podman = container["engine"] == "podman"
        self.program = container["program"]
        self.environment = container["environment"]

    def run(self, *words, content=None):
        """(exit code, output, errors); never raises: a client that hangs has failed."""
        try:
            done = subprocess.run([self.program, *words], input=content or b"", env=self.environment, capture_output=True,
                                  timeout=COMMAND_SECONDS, check=False, cwd="/")
            return done.returncode, done.stdout, done.stderr
        except (OSError, subprocess.TimeoutExpired) as error:
            return 125, b"", str(error).encode()

    def inspect(self, name, field):
        return self.run("container", "inspect", "--format", "{{%s}}" % field, name)[1].decode("utf-8", "replace").strip()

    def remove(self, name):
        self.run("kill", "--signal", "KILL", name)  # else podman waits ten seconds for it to end
        self.run("rm", "--force", name)

    def provide_root(self, links):
        """An image of nothing but the links of the host's root folder; made where it is not yet, or not any more."""
        content = archive_of(links)
        image = "localhost/slipway/empty:" + hashlib.sha256(content).hexdigest()[:16]
        if self.run("image", "inspect", image)[0]:
            code, _, errors = self.run("import", "-", image, content=content)
            if code:
                raise StartFailed("The container engine makes no image: " + last_line(errors))
        return image


def archive_of(links):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        root = tarfile.TarInfo("./")  # an archive of nothing is refused by some
        root.type, root.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(root)
        for mount in links:
            link = tarfile.TarInfo(mount["to"].lstrip("/"))
            link.type, link.linkname = tarfile.SYMTYPE, mount["from"]
            archive.addfile(link)
    return made.getvalue()


class ContainerSandbox(Sandbox):
    """`outer` is the engine's client, whose exit code is the job's; `init` is 0 where the host does not tell of it."""

    def __init__(self, outer, init, engine, container, usage):
        super().__init__(outer, init)
        self.engine = engine
        self.name = container["name"]
        self.usage = usage

    def terminate(self):
        return self.engine.run("kill", "--signal", "TERM", self.name)[0] == 0

    def kill(self):
        self.engine.run("kill", "--signal", "KILL", self.name)

    def pids(self):
        return process_table.descendants(self.init) if self.init else []

    def group(self, _own):
        """The engine's group: ours holds only its client. None where it cannot be read."""
        path = self.init and memory_group.path_of(self.init)
        return memory_group.MemoryGroup(path, False) if path else None

    def conclude(self, usage):
        """Of what the job used its first process tells; the client's own use is none of it. Nothing is left of the container."""
        usage.cpu_ms, usage.peak_bytes = 0, 0
        try:
            told = json.loads(os.read(self.usage, 4096))
            usage.cpu_ms, usage.peak_bytes, usage.killed = int(told["cpuMs"]), int(told["peakBytes"]), bool(told["killed"])
        except (OSError, ValueError, KeyError, TypeError):
            pass  # it was killed
        usage.killed = usage.killed or self.engine.inspect(self.name, ".State.OOMKilled") == "true"
        self.engine.remove(self.name)
        return usage


def start(plan, output, before):
    container, engine = plan["container"], Engine(plan["container"])
    status, usage, hold = prepare(container["folder"], plan, before is not None)
    image = engine.provide_root([mount for mount in plan["mounts"] if mount["kind"] == "symlink"])
    words = [engine.program, *arguments(plan, engine.is_podman), image, *first_process(plan)]
    if engine.inspect(container["name"], ".Name"):  # of a data folder that was removed while its work ran
        engine.remove(container["name"])
    client = spawn(words, engine.environment, output)
    try:
        deadline = time.monotonic() + START_SECONDS
        await_line(status, client, output, deadline)
        pid = engine.inspect(container["name"], ".State.Pid")
        sandbox = ContainerSandbox(client, int(pid) if pid.isdigit() else 0, engine, container, usage)
        if before:
            before(sandbox.init)
            os.write(hold, b"x")
        failure = await_end(status, deadline)
        if failure:
            raise StartFailed(failure)
        return sandbox
    except BaseException:
        engine.remove(container["name"])
        send(client, signal.SIGKILL)
        os.waitpid(client, 0)
        raise
    finally:
        os.close(status)
        os.close(hold)


def prepare(folder, plan, hold):
    os.makedirs(folder, 0o700, exist_ok=True)
    for name in ("status", "usage", "hold"):
        os.mkfifo("%s/%s" % (folder, name), 0o600)
    told = {name: plan.get(name) for name in ("command", "environment", "workingDirectory", "cpus")}
    with open(os.open(folder + "/init.json", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump({**told, "hold": hold}, file)
    # open before anyone writes, and writable before anyone reads: nobody waits for somebody who has died
    return (*(os.open("%s/%s" % (folder, name), os.O_RDONLY | os.O_NONBLOCK) for name in ("status", "usage")),
            os.open(folder + "/hold", os.O_RDWR))


def first_process(plan):
    program, prefix = os.path.realpath(sys.executable), os.path.realpath(sys.base_prefix)
    if not is_shown(program, plan["mounts"]):
        program = INSIDE + "/python" + program[len(prefix):]
    return [program, "-I", "-S", "-B", INSIDE + "/shim/container_init.py"]


def is_shown(path, mounts):
    """Whether it is inside what it is here."""
    above = [mount for mount in mounts if path.startswith(mount["to"] + "/")]
    nearest = max(above, key=lambda mount: len(mount["to"]), default={})
    return nearest.get("kind") == "read-only" and nearest["from"] == nearest["to"]


def arguments(plan, is_podman):
    container = plan["container"]
    yield from ("run", "--name", container["name"], "--label", "slipway=" + container["name"], "--pull", "never")
    yield from ("--log-driver", "none", "--sig-proxy=false", "--user", "0:0", "--cap-drop", "ALL")
    yield from ("--security-opt", "no-new-privileges", "--security-opt", "label=disable")
    yield from ("--hostname", plan["hostname"], "--network", plan["network"], "--pids-limit", str(process_limit.most()))
    memory = plan.get("memoryBytes")
    if memory:
        yield from ("--memory", str(memory), "--memory-swap", str(memory), "--shm-size", str(memory))
    for mount in plan["mounts"]:
        if mount["kind"] in ("read-only", "writable"):
            yield from bind(mount["from"], mount["to"], mount["kind"] == "read-only")
        elif mount["kind"] == "empty":  # podman would fill it with what it is to hide
            yield from ("--tmpfs", mount["to"] + (":rw,mode=755,notmpcopyup" if is_podman else ":rw,mode=755"))
    yield from bind(os.path.dirname(os.path.abspath(__file__)), INSIDE + "/shim", True)
    yield from bind(container["folder"], INSIDE + "/run", True)
    if not is_shown(os.path.realpath(sys.executable), plan["mounts"]):
        yield from bind(os.path.realpath(sys.base_prefix), INSIDE + "/python", True)


def bind(source, target, read_only):
    if "," in source + target or "\0" in source + target:
        raise StartFailed("Under `sandbox: container` a path that is shown to a job may hold no comma: %s." % target)
    yield from ("--mount", "type=bind,source=%s,destination=%s%s" % (source, target, ",readonly" if read_only else ""))


def spawn(words, environment, output):
    pid = os.fork()
    if pid == 0:
        try:
            kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
            signal.set_wakeup_fd(-1)
            for number in DEFAULT_SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            os.setsid()
            os.chdir("/")
            nothing = os.open("/dev/null", os.O_RDONLY)
            for fd, stream in ((nothing, 0), (output, 1), (output, 2)):
                os.dup2(fd, stream)
            os.execve(words[0], words, environment)
        finally:
            os._exit(125)
    return pid


def await_line(status, client, output, deadline):
    """Until process 1 says that it is there, which it says first."""
    while True:
        ended = os.waitid(os.P_PID, client, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if read(status, 3):
            return
        if ended or time.monotonic() > deadline:
            raise StartFailed("The container engine made no container: " + said(output))
        time.sleep(LOOK_SECONDS)


def await_end(status, deadline):
    """What went wrong; nothing once the job's program runs, which closes the pipe's last end."""
    text = b""
    while time.monotonic() < deadline:
        chunk = read(status, 65536)
        if chunk == b"":
            return text.decode("utf-8", "replace").strip()[len("failed "):]
        text += chunk or b""
        if chunk is None:
            time.sleep(LOOK_SECONDS)
    return "the container does not start its program"


def read(fd, size):
    try:
        return os.read(fd, size)
    except BlockingIOError:
        return None


def said(output):
    """What the engine's client wrote for the job's log, into which no job will write."""
    try:
        reader = os.open("/proc/self/fd/%d" % output, os.O_RDONLY | os.O_NONBLOCK)
        try:
            return last_line(os.read(reader, 65536))
        finally:
            os.close(reader)
    except OSError:
        return "it gives no reason"
