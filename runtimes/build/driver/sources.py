"""The sources: files are there already, repositories are cloned."""
import os
import subprocess

import console
from failure import BuildFailed

BUILDSPEC_BYTES_MAX = 512 * 1024


def fetch(sources, git):
    """The version of the primary source that git resolved; None where it is no repository."""
    write_git_settings(git)
    version = None
    for source in sources:
        if not source.get("git"):
            continue
        found = clone(source["directory"], source["git"])
        if source is sources[0]:
            version = found
    return version


def write_git_settings(git):
    """Repositories of CodeCommit are here, and the role's credentials open them."""
    lines = ["[safe]\n\tdirectory = *\n", "[init]\n\tdefaultBranch = main\n", "[advice]\n\tdetachedHead = false\n"]
    for address in git.get("insteadOf", {}):
        lines.append('[url "%s"]\n' % git["insteadOf"][address])
        lines.append("\tinsteadOf = %s\n" % address)
        lines.append('[credential "%s"]\n\thelper = !slipway-git-credential\n\tuseHttpPath = true\n' % git["insteadOf"][address])
    with open(os.path.join(os.environ.get("HOME", "/root"), ".gitconfig"), "a") as file:
        file.write("".join(lines))


def clone(directory, git):
    console.say("Cloning %s" % git["url"])
    os.makedirs(directory, exist_ok=True)
    run = lambda *words: git_run(directory, git, *words)  # noqa: E731
    run("init", "-q")
    run("remote", "add", "origin", git["url"])
    version = git.get("version") or "HEAD"
    depth = ["--depth", str(git["depth"])] if git.get("depth") else []
    fetched = try_git(directory, git, "fetch", "-q", *depth, "origin", version)
    if fetched is not None:
        # a server that gives no single commits gives all branches, which the commit is on
        wanted = try_git(directory, git, "fetch", "-q", "origin", "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")
        if wanted is not None or try_git(directory, git, "rev-parse", "-q", "--verify", version + "^{commit}") is not None:
            raise BuildFailed("CLIENT_ERROR", "git fetch failed for %s, source version %s: %s" % (git["url"], version, fetched))
        run("checkout", "-q", version)
    else:
        run("checkout", "-q", "FETCH_HEAD")
    if git.get("submodules"):
        run("submodule", "update", "-q", "--init", "--recursive", *depth)
    return run("rev-parse", "HEAD").strip()


def git_run(directory, git, *words):
    done = call_git(directory, git, words)
    if done.returncode != 0:
        raise BuildFailed("CLIENT_ERROR", "git %s failed: %s" % (words[0], shortened(done.stderr)))
    return done.stdout


def try_git(directory, git, *words):
    """None when it worked, else what git said."""
    done = call_git(directory, git, words)
    return None if done.returncode == 0 else shortened(done.stderr)


def call_git(directory, git, words):
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    if git.get("insecure"):
        environment["GIT_SSL_NO_VERIFY"] = "1"
    try:
        return subprocess.run(["git", *words], cwd=directory, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    except FileNotFoundError:
        raise BuildFailed("CLIENT_ERROR", "git is not installed on this machine, which a source in a repository needs.") from None


def shortened(text):
    return " ".join(text.split())[:1000]


def read_buildspec(start):
    """None when the server has it."""
    name = start.get("buildspecPath")
    if name is None:
        return None
    directory = start["sources"][0]["directory"]
    path = os.path.join(directory, name)
    console.say("YAML location is %s" % path)
    try:
        with open(path, "rb") as file:
            content = file.read(BUILDSPEC_BYTES_MAX + 1)
    except OSError as error:
        raise BuildFailed("YAML_FILE_ERROR", "stat %s: %s" % (path, (error.strerror or "cannot be read").lower())) from None
    return content.decode("utf-8", "replace")


def restore_cache(start):
    path = start.get("cacheArchive")
    if not path or not os.path.exists(path):
        return
    import tarfile
    import zlib

    try:
        with tarfile.open(path) as archive:
            # of an earlier build of this project; `/` is the sandbox's own. Newer versions of Python want to be told
            archive.extractall("/", **({"filter": "fully_trusted"} if hasattr(tarfile, "fully_trusted_filter") else {}))
        console.say("Restored the cache")
    except (tarfile.TarError, zlib.error, OSError, EOFError, ValueError, KeyError) as error:
        console.say("The cache cannot be restored and is left out: %s" % error)
