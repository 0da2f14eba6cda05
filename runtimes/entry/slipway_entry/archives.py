"""Unpacking of source archives. Members that would leave the target folder are refused, not skipped."""
import os
import shutil
import tarfile
import tempfile
from urllib.parse import urlsplit

from .faults import UserError


def extract_tar(path, target):
    """Unpacks a (compressed) tar into `target`. Links and names that point outside, and devices, are refused."""
    os.makedirs(target, exist_ok=True)
    try:
        with tarfile.open(path) as archive:
            _extract_members(archive, target)
    except tarfile.TarError as error:
        raise UserError(f"{os.path.basename(path)} cannot be unpacked: {error}") from error


def _extract_members(archive, target):
    root = os.path.realpath(target)
    members = archive.getmembers()
    for member in members:
        _refuse_outside(root, member)
    # The filters of newer Pythons check once more; Debian 12's Python 3.11.2 has none.
    filtered = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    for member in members:
        # On the disk as it is now: an earlier member may be a link that this one goes through.
        folder = os.path.realpath(os.path.join(root, os.path.dirname(member.name)))
        if folder != root and not folder.startswith(root + os.sep):
            raise _outside(member)
        member.mode &= 0o755
        archive.extract(member, root, set_attrs=not member.isdir(), **filtered)


def _refuse_outside(root, member):
    places = [member.name]
    if member.issym():
        places.append(os.path.join(os.path.dirname(member.name), member.linkname))
    elif member.islnk():
        places.append(member.linkname)
    elif not (member.isreg() or member.isdir()):
        raise UserError(f"archive member {member.name} is a device or pipe; only files, folders and links inside are unpacked")
    for place in places:
        resolved = os.path.realpath(os.path.join(root, place))
        if os.path.isabs(place) or (resolved != root and not resolved.startswith(root + os.sep)):
            raise _outside(member)


def _outside(member):
    return UserError(f"archive member {member.name} would be unpacked outside of its folder; remove it from the archive")


def fetch_source(uri, target):
    """Brings source code to `target`: from `s3://…tar.gz`, a local tar, or a local folder. Nothing when `target` has files already."""
    if os.path.isdir(target) and os.listdir(target):
        return
    if uri.startswith("s3://"):
        with tempfile.TemporaryDirectory() as folder:
            archive = os.path.join(folder, "source.tar.gz")
            _download(uri, archive)
            extract_tar(archive, target)
    elif os.path.isdir(uri):
        if os.path.realpath(uri) != os.path.realpath(target):
            shutil.copytree(uri, target, dirs_exist_ok=True)
    elif os.path.isfile(uri) and tarfile.is_tarfile(uri):
        extract_tar(uri, target)
    elif os.path.isfile(uri):
        os.makedirs(target, exist_ok=True)
        shutil.copy2(uri, target)
    else:
        raise UserError(f"sagemaker_submit_directory is {uri}, which is neither an S3 address nor a folder or archive in this job")


def _download(uri, path):
    import boto3
    import botocore.exceptions

    parts = urlsplit(uri)
    region = os.environ.get("AWS_REGION") or os.environ.get("SAGEMAKER_REGION") or None
    client = boto3.client("s3", region_name=region, endpoint_url=os.environ.get("S3_ENDPOINT_URL") or None)
    try:
        client.download_file(parts.netloc, parts.path.lstrip("/"), path)
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        raise UserError(f"sagemaker_submit_directory {uri} cannot be downloaded: {error}") from error
