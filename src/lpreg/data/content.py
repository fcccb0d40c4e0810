"""What files hold, as a hash: it changes with the content, and not with place, name or time."""

import re
from hashlib import file_digest, sha256
from pathlib import Path

from lpreg.data.cache import DataError


def fingerprint(path: str | Path) -> str:
    """The sha256 of a file, or of the names and contents of all files in a folder.

    Hidden files are left out: file managers write them.

    Raises:
        DataError: it is not there, or cannot be read.
    """
    place = Path(path)
    try:
        if not place.is_dir():
            return _digest(place)
        files = visible(place)
        listed = "\n".join(f"{f.relative_to(place).as_posix()} {_digest(f)}" for f in files)
        return sha256(listed.encode()).hexdigest()
    except OSError as error:
        raise absent(place, error) from None


def visible(folder: Path) -> list[Path]:
    """All files in a folder, hidden ones and those in hidden folders left out, by name."""
    files = (f for f in folder.rglob("*") if f.is_file())
    return sorted(f for f in files if not re.search(r"(^|/)\.", f.relative_to(folder).as_posix()))


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return file_digest(content, "sha256").hexdigest()


def absent(path: Path, error: OSError) -> DataError:
    """What to say of a file that cannot be read."""
    if isinstance(error, FileNotFoundError):
        return DataError(f"{path} does not exist; if it was moved, say its new place as path")
    return DataError(f"{path} cannot be read: {error.strerror or error}")


def check_content(path: Path, own: str, asked: str | None) -> None:
    """Refuse a content other than the one that was asked for, None for any.

    Raises:
        DataError: they differ.
    """
    if asked is not None and own != asked:
        raise DataError(
            f"{path.name} has changed since its study was begun: its sha256 is {own[:12]}..., that "
            f"of the study {asked[:12]}...; put the old one back, or begin anew in another folder"
        )
