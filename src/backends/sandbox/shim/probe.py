"""Makes a small sandbox of the kind named and runs a program in it: exit 0, or the reason on standard error.

Of a container engine that works, standard output tells: {engine, program, environment} in JSON.
"""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import isolation
from started import StartFailed


def main(kind, bubblewrap, folder):
    os.mkdir(folder + "/root")
    mounts = []
    for path in ("/usr", "/bin", "/lib", "/lib64"):
        if os.path.islink(path):
            mounts.append({"kind": "symlink", "from": os.readlink(path), "to": path})
        elif os.path.isdir(path):
            mounts.append({"kind": "read-only", "from": path, "to": path})
    mounts += [{"kind": "processes", "to": "/proc"}, {"kind": "devices", "to": "/dev"}]
    plan = {
        "isolation": kind, "bubblewrap": bubblewrap, "hostname": "algo-1", "network": "none", "root": folder + "/root",
        "command": ["/bin/true"], "workingDirectory": "/", "environment": {}, "mounts": mounts,
    }
    if kind == "container":
        return try_engines(plan, folder)
    try:
        return run(plan, 2)
    except (StartFailed, OSError) as error:
        print(error, file=sys.stderr)
        return 1


def run(plan, output):
    sandbox = isolation.start(plan, output)
    _, status = os.waitpid(sandbox.outer, 0)
    return isolation.exit_code(status)


def try_engines(plan, folder):
    import container

    found, reasons = container.find()
    for number, engine in enumerate(found):
        name = "slipway-probe-%d-%d" % (os.getpid(), number)
        plan["container"] = {**engine, "name": name, "folder": "%s/container-%d" % (folder, number)}
        try:
            code = run(plan, os.pipe()[1])
            container.Engine(engine).remove(name)
            if code == 0:
                print(json.dumps(engine))
                return 0
            reasons.append("a container of %s ends with exit code %d" % (engine["engine"], code))
        except (StartFailed, OSError) as error:
            reasons.append("%s: %s" % (engine["engine"], error))
    print("; ".join(reasons), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
