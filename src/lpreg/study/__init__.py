"""Studies: a grid of networks as data, trained, stored, and read again."""

from lpreg.study.errors import FolderError, SpecError, StudyError
from lpreg.study.kept import load, snapshots
from lpreg.study.member import Member, members
from lpreg.study.spec import Study, dump, parse
from lpreg.study.store import Frames, read

__all__ = [
    "FolderError",
    "Frames",
    "Member",
    "SpecError",
    "Study",
    "StudyError",
    "dump",
    "load",
    "members",
    "parse",
    "read",
    "snapshots",
]
