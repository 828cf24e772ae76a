"""Where files are kept for good: a private folder, or a private S3 bucket, behind the same few verbs.

What belongs here: names, atomic publication, listing, removal. Not here: what the files hold (`frames`, `report_zip`).
"""

import errno
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import ClientError

from claims_pipeline.storage.bucket_failures import bucket_failures_told

UNFINISHED = re.compile(r"\..+\.[0-9a-f]{32}")
"""The name of a file on its way to its place, beside the name that it is to get."""

_FOR_BROWSERS = {".html": "text/html; charset=utf-8", ".csv": "text/csv; charset=utf-8"}
"""What S3 must say of a file for a browser to show it, rather than to save it."""
_OF_ONE_FETCH = re.compile(r"\d{12}")
_NOT_FOR_FOLDERS = frozenset(
    {errno.EINVAL, errno.EBADF, errno.ENOTSUP, errno.ENOSYS, errno.EISDIR, errno.EACCES, errno.EPERM}
)


@dataclass(frozen=True)
class StoredFile:
    """A file by its name in the place, and when it came there."""

    name: str
    stored_at: datetime


class Place(Protocol):
    """Files by name (`folder/file`). A file is there whole or not at all."""

    def publish(self, local: Path, name: str) -> None:
        """Put a finished local file under `name`, replacing what stood there in one step."""

    def fetch(self, name: str, work: Path) -> Path | None:
        """A file in `work` that holds what `name` holds now, whatever replaces it later; None if it is not there."""

    def address(self, name: str) -> str:
        """Where a person finds the file."""

    def files(self, folder: str) -> Iterator[StoredFile]:
        """Every whole file below a folder (`a/b`); none where there is no such folder."""

    def remove(self, name: str) -> None:
        """Take a file away; it may be gone already."""


class FolderPlace:
    """A folder of this machine, readable by its owner alone."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def publish(self, local: Path, name: str) -> None:
        target = self.root / name
        make_private_folder(target.parent)
        beside = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
        try:
            shutil.move(local, beside)
            beside.chmod(0o600)
            _flush_to_disk(beside)
            beside.replace(target)
            _flush_folder_to_disk(target.parent)
        except BaseException:
            beside.unlink(
                missing_ok=True
            )  # half a file, or one without its name: claims that nobody would find
            raise

    def fetch(self, name: str, work: Path) -> Path | None:
        path, target = self.root / name, work / f"{uuid.uuid4().hex}-{Path(name).name}"
        if not path.exists():
            return None
        try:
            target.hardlink_to(path)
        except OSError:  # another file system, or one without links
            shutil.copyfile(path, target)
        return target

    def address(self, name: str) -> str:
        return str(self.root / name)

    def files(self, folder: str) -> Iterator[StoredFile]:
        for below, _, names in os.walk(self.root / folder):
            for name in names:
                path = Path(below) / name
                if UNFINISHED.fullmatch(name):
                    continue  # another process is about to give it its name
                try:
                    stored_at = datetime.fromtimestamp(path.stat(follow_symlinks=False).st_mtime, UTC)
                except FileNotFoundError:
                    continue  # another run was quicker
                yield StoredFile(path.relative_to(self.root).as_posix(), stored_at)

    def remove(self, name: str) -> None:
        (self.root / name).unlink(missing_ok=True)
        self._remove_empty_folder((self.root / name).parent)

    def _remove_empty_folder(self, folder: Path) -> None:
        """Of one fetch alone: no run will put anything into it again."""
        if _OF_ONE_FETCH.fullmatch(folder.name):
            with suppress(OSError):
                folder.rmdir()


class BucketPlace:
    """An S3 bucket and prefix. An upload replaces its object in one step by itself.

    S3 encrypts it as the bucket says. To ask for KMS here without naming a key would mean AWS's own, whatever key the
    bucket's owner chose.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        parts = urlsplit(url)
        self._bucket, self._prefix = parts.netloc, parts.path.strip("/")
        self._client = boto3.client("s3")

    def publish(self, local: Path, name: str) -> None:
        with bucket_failures_told("store a file", self._url):
            kind = _FOR_BROWSERS.get(Path(name).suffix)
            told = {"ContentType": kind} if kind is not None else None
            self._client.upload_file(str(local), self._bucket, self._key(name), ExtraArgs=told)
        local.unlink()

    def fetch(self, name: str, work: Path) -> Path | None:
        target = work / f"{uuid.uuid4().hex}-{Path(name).name}"
        with bucket_failures_told("read a file", self._url):
            try:
                self._client.download_file(self._bucket, self._key(name), str(target))
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") in {"404", "NoSuchKey"}:
                    return None
                raise
        return target

    def address(self, name: str) -> str:
        return f"s3://{self._bucket}/{self._key(name)}"

    def files(self, folder: str) -> Iterator[StoredFile]:
        pages = self._client.get_paginator("list_objects_v2")
        with bucket_failures_told("list files", self._url):
            for page in pages.paginate(Bucket=self._bucket, Prefix=f"{self._key(folder)}/"):
                for found in page.get("Contents", []):
                    yield StoredFile(found["Key"].removeprefix(self._key("")), found["LastModified"])

    def remove(self, name: str) -> None:
        with bucket_failures_told("remove a file", self._url):
            self._client.delete_object(Bucket=self._bucket, Key=self._key(name))

    def _key(self, name: str) -> str:
        return f"{self._prefix}/{name}" if self._prefix else name


def open_place(location: str) -> Place:
    """The place that `CLAIMS_STORAGE` names: a folder's path or `s3://bucket/prefix`."""
    return BucketPlace(location) if location.startswith("s3://") else FolderPlace(Path(location))


def make_private_folder(folder: Path) -> None:
    """The folder and its missing parents, open to this user alone."""
    if not folder.exists():
        make_private_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        _flush_folder_to_disk(folder.parent)


def _flush_folder_to_disk(folder: Path) -> None:
    """The names in it: until then a power cut may take back a file, whole as it is, or the folder that it is in.

    Where a file system (or a folder that we may only pass through) refuses this, it keeps names as it can.
    """
    try:
        _flush_to_disk(folder)
    except OSError as error:
        if error.errno not in _NOT_FOR_FOLDERS:
            raise


def _flush_to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
