"""The root of work that brings an image of its own: the unpacked tree, below a folder that takes what the work changes.

The tree is shared by every run and never written. An overlay shows both as one where the kernel lets this user make it; elsewhere
the run gets a copy. Mount points are made here, before anything is mounted, walked part by part without following links: an image
in which `/opt` is a link to a folder of the host must not lead us there.
"""
import os
import shutil
import stat

import kernel

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def prepare(folder, plan):
    """Before the sandbox starts: decides the way and makes the mount points."""
    image = plan["image"]
    image.update({name: os.path.join(folder, name) for name in ("root", "upper", "work")})
    for name in ("root", "upper", "work"):
        os.mkdir(image[name], 0o755)
    image["overlay"] = overlay_works(image)
    if image["overlay"]:
        # the trial's files are the kernel's own; the run begins with empty folders
        for name in ("upper", "work"):
            remove(image[name])
            os.mkdir(image[name], 0o755)
        make_places(image["upper"], image["tree"], plan)
    else:
        copy(image["tree"], image["root"])
        make_places(image["root"], image["root"], plan)


def overlay_works(image):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            enter(image)
            code = 0
        except OSError:
            pass
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1] == 0


def enter(image):
    """A user and a mount namespace in which the root is mounted at its place."""
    user, group = os.geteuid(), os.getegid()
    kernel.unshare(kernel.CLONE_NEWUSER | kernel.CLONE_NEWNS)
    for path, text in (("setgroups", "deny"), ("uid_map", "0 %d 1" % user), ("gid_map", "0 %d 1" % group)):
        fd = os.open("/proc/self/" + path, os.O_WRONLY)
        os.write(fd, text.encode())
        os.close(fd)
    mount(image)


def mount(image):
    """In a mount namespace of one's own."""
    kernel.mount(None, "/", None, kernel.MS_SLAVE | kernel.MS_REC)
    options = "lowerdir=%s,upperdir=%s,workdir=%s,userxattr" % tuple(escaped(image[name]) for name in ("tree", "upper", "work"))
    kernel.mount("overlay", image["root"], "overlay", kernel.MS_NOSUID | kernel.MS_NODEV, options)


def escaped(path):
    """In an overlay's options a comma ends a value and a colon a folder."""
    return path.replace("\\", "\\\\").replace(",", "\\,").replace(":", "\\:")


def copy(tree, root):
    """Where the file system can share content between files this costs no bytes."""
    import subprocess  # loaded by few

    done = subprocess.run(["cp", "-a", "--reflink=auto", tree + "/.", root], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise OSError("the image's files could not be copied: %s" % done.stderr.decode("utf-8", "replace").strip()[-300:])


def make_places(top, below, plan):
    """Folders and empty files in `top` for what is mounted and for where the work starts; modes are those of the image, `below`."""
    for path in plan["image"]["folders"]:
        make_place(top, below, path, True)
    for each in plan["mounts"]:
        if not within(each["to"], "/opt/ml/"):  # inside of a mount of ours
            make_place(top, below, each["to"], each["kind"] not in ("read-only", "writable") or os.path.isdir(each["from"]))


def within(path, folder):
    return path.startswith(folder)


def make_place(top, below, path, is_folder):
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise OSError("%s is no place in an image" % path)
    fd = os.open(top, DIRECTORY)
    try:
        for depth, part in enumerate(parts):
            if depth == len(parts) - 1 and not is_folder:
                return make_file(fd, part)
            make_folder(fd, part, mode_below(below, parts[: depth + 1]))
            inner = os.open(part, DIRECTORY, dir_fd=fd)
            os.close(fd)
            fd = inner
    finally:
        os.close(fd)


def mode_below(below, parts):
    """What the image says of a folder on the way; /tmp is everybody's."""
    try:
        found = os.lstat(os.path.join(below, *parts))
        if stat.S_ISDIR(found.st_mode):
            return stat.S_IMODE(found.st_mode)
    except OSError:
        pass
    return 0o1777 if parts == ["tmp"] else 0o755


def make_folder(parent, name, mode):
    try:
        os.mkdir(name, mode, dir_fd=parent)
        os.chmod(name, mode, dir_fd=parent)
    except FileExistsError:
        if not stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
            os.unlink(name, dir_fd=parent)
            os.mkdir(name, mode, dir_fd=parent)


def make_file(parent, name):
    try:
        found = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if stat.S_ISREG(found.st_mode):
            return
        os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        pass
    os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o644, dir_fd=parent))


def discard(plan):
    """After the end: what the work changed in its root is nobody's, and a folder of the kernel's in it cannot be removed by `rm -r`."""
    for name in ("root", "upper", "work"):
        if name in plan["image"]:
            remove(plan["image"][name])


def remove(path):
    """The kernel leaves a folder without permissions in `work`; the work may have made more of them."""
    if os.path.lexists(path):
        for below, folders, _ in os.walk(path):
            for each in folders:
                inner = os.path.join(below, each)
                if not os.path.islink(inner):
                    os.chmod(inner, 0o700)
        shutil.rmtree(path, ignore_errors=True)
