"""Gathers what a build leaves, where the server finds it: artifacts, files of reports, the cache."""
import os
import re
import shutil
import stat

import console
from failure import BuildFailed

OUTPUTS = "/opt/ml/build/"
VARIABLE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
# the server reads the first 4 MiB of the records, and their end must be among them
NAMES_CHARS_MAX = 256 * 1024
KEY_CHARS_MAX = 1024


def collect(start, artifact, environment, shell, records):
    base = base_directory(start, artifact.get("baseDirectory"), environment)
    links = artifact["enableSymlinks"] and artifact["zip"]  # S3 has no links
    found = matching(base, artifact["files"], artifact["excludePaths"], environment, links)
    console.say("Found %d file(s)" % len(found))
    if not found:
        raise BuildFailed("CLIENT_ERROR", "no matching artifact paths found")
    members = named(found, artifact["discardPaths"])
    name = expanded_name(shell, artifact.get("name"))
    target = "%sartifacts/%s" % (OUTPUTS, artifact["place"])
    if artifact["zip"]:
        write_zip(base, members, target + ".zip", links)
    else:
        copy(base, members, target)
    records.add(kind="artifact", place=artifact["place"], files=len(members), **({"name": name} if name else {}))


def collect_reports(start, reports, environment, records):
    room = NAMES_CHARS_MAX
    for at, report in enumerate(reports):
        base = base_directory(start, report.get("baseDirectory"), environment)
        found = matching(base, report["files"], [], environment, False)
        console.say("Preparing report %s: %d file(s)" % (report["group"], len(found)))
        for number, path in enumerate(found):
            os.makedirs("%sreports/%d" % (OUTPUTS, at), exist_ok=True)
            shutil.copyfile(os.path.join(base, path), "%sreports/%d/%05d" % (OUTPUTS, at, number))
        told = []
        for path in found:
            room -= len(path)
            if room >= 0:
                told.append(path)
        records.add(kind="report", index=at, files=told)


def collect_cache(start, paths, environment, records):
    if not paths:
        return
    import tarfile

    root = start["sources"][0]["directory"]
    os.makedirs(OUTPUTS + "cache", exist_ok=True)
    count = 0
    with tarfile.open(OUTPUTS + "cache/cache.tar.gz", "w:gz", compresslevel=1) as archive:
        for pattern in paths:
            for path in cached(root, expand(pattern, environment)):
                archive.add(path, recursive=False)
                count += 1
    console.say("Caching %d path(s)" % count)
    records.add(kind="cache", files=count)


def cached(root, pattern):
    """Absolute paths: of one file or folder, or of all that match."""
    if pattern.startswith("~/"):
        pattern = os.path.expanduser(pattern)
    pattern = pattern.rstrip("/") or pattern
    full = pattern if pattern.startswith("/") else os.path.join(root, pattern)
    base = re.split(r"[*?\[]", full, maxsplit=1)[0]
    base = full if base == full else os.path.dirname(base)
    if os.path.isfile(base) or os.path.islink(base):
        return [base]
    matcher = translate(full if full != base else full + "/**/*")
    return [path for path in walk(base) if matcher.fullmatch(path)]


def walk(base):
    for folder, folders, files in os.walk(base):
        for name in sorted(files) + [one for one in sorted(folders) if os.path.islink(os.path.join(folder, one))]:
            yield os.path.join(folder, name)
        folders.sort()


def expand(text, environment):
    return VARIABLE.sub(lambda found: environment.get(found[1] or found[2], ""), text)


def base_directory(start, asked, environment):
    root = start["sources"][0]["directory"]
    if not asked:
        return root
    console.say("Expanding base directory path: %s" % asked)
    path = os.path.normpath(os.path.join(root, expand(asked, environment)))
    if not os.path.isdir(path) and re.search(r"[*?]", path):
        import glob

        path = next((one for one in sorted(glob.glob(path)) if os.path.isdir(one)), path)
    if not os.path.isdir(path):
        raise BuildFailed("CLIENT_ERROR", "no matching base directory path found for %s" % asked)
    return path


def matching(base, patterns, excluded, environment, links):
    """Paths of files below `base`, each once, in the order of the patterns and then of names."""
    console.say("Assembling file list")
    paths = [os.path.relpath(path, base) for path in walk(base)]
    paths = [path for path in paths if kept(os.path.join(base, path), links)]
    barred = [translate(relative(base, pattern, environment)) for pattern in excluded]
    found = {}
    for pattern in patterns:
        console.say("Expanding %s" % pattern)
        matcher = translate(relative(base, pattern, environment))
        for path in paths:
            if matcher.fullmatch(path) and not any(bar.fullmatch(path) for bar in barred):
                found[path] = True
    return list(found)


def kept(path, links):
    """Reading anything else, as a pipe, might never end."""
    return (links and os.path.islink(path)) or os.path.isfile(path)


def relative(base, pattern, environment):
    pattern = expand(pattern, environment)
    return os.path.relpath(pattern, base) if pattern.startswith("/") else os.path.normpath(pattern)


def translate(pattern):
    """`**/` any folders, `**` anything, `*` within a name, `?` one character."""
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    words = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(words.get(part, re.escape(part)) for part in parts), re.DOTALL)


def named(paths, discard):
    """Path to name in the artifact."""
    names = {}
    for path in paths:
        name = os.path.basename(path) if discard else path.removeprefix("../")
        while name.startswith("../"):
            name = name[3:]
        names[name] = path
    return sorted(names.items())


def expanded_name(shell, name):
    """A name may hold variables and commands, as `app-$(date +%Y)`."""
    if not name or ("$" not in name and "`" not in name):
        return name
    path = OUTPUTS + "name"
    shell.run("printf %%s \"%s\" >'%s'" % (name.replace('"', '\\"'), path))
    try:
        with open(path) as file:
            return file.read(KEY_CHARS_MAX).strip()
    except OSError:
        return name


def write_zip(base, members, target, links):
    """The same files give the same bytes."""
    import zipfile

    os.makedirs(os.path.dirname(target), exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, path in members:
            full = os.path.join(base, path)
            entry = zipfile.ZipInfo(name, ZIP_EPOCH)
            entry.create_system = 3
            entry.compress_type = zipfile.ZIP_DEFLATED
            if links and os.path.islink(full):
                entry.external_attr = (stat.S_IFLNK | 0o777) << 16
                archive.writestr(entry, os.readlink(full))
                continue
            mode = os.stat(full).st_mode
            entry.external_attr = (stat.S_IFREG | (0o755 if mode & 0o100 else 0o644)) << 16
            with open(full, "rb") as source, archive.open(entry, "w", force_zip64=os.path.getsize(full) > 1 << 31) as sink:
                shutil.copyfileobj(source, sink, 1024 * 1024)


def copy(base, members, target):
    for name, path in members:
        goal = os.path.join(target, name)
        os.makedirs(os.path.dirname(goal), exist_ok=True)
        shutil.copy(os.path.join(base, path), goal)
