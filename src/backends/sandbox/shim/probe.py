"""Makes a small sandbox of the kind named and runs a program in it: exit 0, or the reason on standard error."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import isolation


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
    try:
        sandbox = isolation.start(plan, 2)
    except (isolation.StartFailed, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    _, status = os.waitpid(sandbox.outer, 0)
    return isolation.exit_code(status)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
