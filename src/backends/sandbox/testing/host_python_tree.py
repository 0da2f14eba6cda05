"""Makes a small root file system of this host's Python and shell: `host_python_tree.py <folder>`."""
import os
import shutil
import subprocess
import sys
import sysconfig

LEFT_OUT = shutil.ignore_patterns(
    "test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3", "__pycache__", "dist-packages", "site-packages",
    "config-*", "pydoc_data", "distutils", "_tkinter*", "_test*", "_curses*", "*.a",
)


def libraries(program):
    found = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    return {word for line in found.splitlines() for word in line.split() if word.startswith("/")}


def place(source, folder):
    target = folder + source
    if not os.path.exists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(os.path.realpath(source), target)
        os.chmod(target, 0o755)


def main(folder):
    standard = sysconfig.get_path("stdlib")
    shutil.copytree(standard, folder + standard, ignore=LEFT_OUT, symlinks=True, ignore_dangling_symlinks=True)
    programs = [os.path.realpath(sys.executable), os.path.realpath("/bin/sh")]
    for path, _, names in os.walk(standard + "/lib-dynload"):
        programs += [os.path.join(path, name) for name in names if name.endswith(".so") and os.path.exists(folder + os.path.join(path, name))]
    for program in programs:
        for library in libraries(program):
            place(library, folder)
    for program, links in ((programs[0], ("usr/bin/python3",)), (programs[1], ("bin/sh",))):
        place(program, folder)
        for link in links:
            os.makedirs(os.path.dirname(folder + "/" + link), exist_ok=True)
            if not os.path.lexists(folder + "/" + link):
                os.symlink(program, folder + "/" + link)
    os.makedirs(folder + "/etc", exist_ok=True)
    with open(folder + "/etc/os-release", "w") as file:
        file.write('NAME="Own userland"\nID=own\n')


if __name__ == "__main__":
    main(sys.argv[1])
