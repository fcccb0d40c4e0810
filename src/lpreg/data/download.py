"""Files from their official sources."""

import hashlib
import shutil
import tarfile
import zlib
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO
from urllib.error import HTTPError, URLError
from urllib.request import urlopen
from zipfile import BadZipFile, ZipFile

from lpreg.data.cache import DataError, File, alone, find, new_file, room
from lpreg.data.progress import bar, say

TIMEOUT = 30
"""Seconds without an answer after which a server counts as gone."""

PIECE = 1 << 18


def obtain(file: File) -> Path:
    """Where the file is; downloaded first when it is not there.

    Raises:
        DataError: it cannot be downloaded, or is not what it should be. Nothing is left behind.
    """
    if found := find(file):
        return found
    folder = room(str(Path(file.path).parent))
    target = folder / Path(file.path).name
    with alone(folder):
        if not target.exists():
            say(f"downloading {file.url} ({file.size / 1e6:,.1f} MB) into {folder}")
            _fetch(file, target)
    return target


def check(file: File, path: Path) -> None:
    """Compare a file of the cache with its official checksum.

    An archive in its place is compared with the checksums inside it. Folders, and members of an
    archive, have none; their readers see what is wrong.

    Raises:
        DataError: they differ.
    """
    if file.member or path.is_dir():
        return
    why = _differs(file, path) if path.name == Path(file.path).name else _torn(path)
    if why:
        raise DataError(
            f"{path} is damaged: {why}; delete it, and {file.path} is downloaded from {file.url}"
        )


def _differs(file: File, path: Path) -> str:
    kind, _, official = file.checksum.partition(":")
    with path.open("rb") as content:
        own = hashlib.file_digest(content, lambda: _hash(kind)).hexdigest()
    return "" if own == official else f"its {kind} is {own}, that of the official file {official}"


def _torn(path: Path) -> str:
    try:
        with ZipFile(path) as archive:
            bad = archive.testzip()
    except (BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        return str(error)
    return f"its member {bad} has another checksum than it says" if bad else ""


def _fetch(file: File, target: Path) -> None:
    try:
        with new_file(target) as out:
            _write(file, out, target.parent)
        return
    except HTTPError as error:
        why = f"the server answers {error.code} {error.reason}"
    except URLError as error:
        why = str(getattr(error.reason, "strerror", None) or error.reason)
    except (OSError, HTTPException, _Broken) as error:
        why = str(error) or type(error).__name__
    raise DataError(
        f"cannot download {file.path} from {file.url}: {why}; "
        f"try again, or put {target.name} into {target.parent} by hand"
    )


def _write(file: File, out: BinaryIO, folder: Path) -> None:
    if not file.member:
        _stream(file, out)
        return
    with TemporaryFile(dir=folder) as archive:
        _stream(file, archive)
        archive.seek(0)
        _unpack(archive, file.member, out)


class _Broken(Exception):
    """What came is not what should have come."""


def _stream(file: File, out: BinaryIO) -> None:
    kind, _, official = file.checksum.partition(":")
    own, done = _hash(kind), 0
    with urlopen(file.url, timeout=TIMEOUT) as answer:
        length = int(answer.headers["Content-Length"] or 0)
        with bar(Path(file.path).name, length or file.size, in_bytes=True) as tick:
            while piece := answer.read(PIECE):
                out.write(piece)
                own.update(piece)
                done += len(piece)
                tick(len(piece))
    if done < length:
        raise _Broken(f"it broke off after {done:,} of {length:,} bytes")
    if own.hexdigest() != official:
        raise _Broken(f"the {kind} of what came is {own.hexdigest()}, the official one {official}")


def _hash(kind: str):
    return hashlib.new(kind, usedforsecurity=False)


def _unpack(archive: BinaryIO, member: str, out: BinaryIO) -> None:
    """Copy one member. No name and no link of the archive ever becomes a path."""
    try:
        with tarfile.open(fileobj=archive, mode="r:gz") as tar:
            found = tar.getmember(member)
            content = tar.extractfile(found) if found.isfile() else None
            if content is None:
                raise _Broken(f"{member} in the archive is no plain file")
            shutil.copyfileobj(content, out)
    except (tarfile.TarError, KeyError, EOFError) as error:
        raise _Broken(f"the archive does not give {member}: {error}") from None
