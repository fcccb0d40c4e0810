"""The run folder: what a study has given so far, in files that are only ever added.

Each finished stack is one file in each of `curves`, `sparsity`, `measures`, `weights` and
`results`, and in `snapshots` if its recipe asks for any, written under a temporary name, synced and
renamed; results come last, so that their presence means that the stack is finished. Stacks of older
folders have no measures, which `measures.complete` adds. A stack in training has a file in
`checkpoints`, which nobody else reads. Whatever interrupts it leaves a folder from which the same
command goes on.
"""

import fcntl
import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import save_file

from lpreg.data import Dataset, fingerprint, store
from lpreg.study import rows
from lpreg.study.checkpoint import StackCheckpoint
from lpreg.study.errors import FolderError, SpecError
from lpreg.study.files import UNFINISHED, replace
from lpreg.study.member import members
from lpreg.study.own import located, seen_from
from lpreg.study.plan import Stack
from lpreg.study.spec import Study, dump, parse

TABLES = ("curves", "sparsity", "measures", "results")

DATA = "data"
"""The folder of data sets that come from no file: it may be there before the study is."""


@dataclass(frozen=True)
class Trained:
    """What a stack has given.

    Attributes:
        results, curves, sparsity, measures: the rows of its members.
        weights: "member/parameter" -> the last values, of the members whose weights are kept.
        snapshots: "member/parameter" -> (k, *shape), and "member/epoch" -> (k,).
        network: what `lpreg.models.build` needs to make the first member's network again.
        rates: each member's option `dropout`, by its id: the only one that may be another.
    """

    results: pa.Table
    curves: pa.Table
    sparsity: pa.Table
    measures: pa.Table
    weights: Mapping[str, np.ndarray]
    snapshots: Mapping[str, np.ndarray]
    network: Mapping[str, Any]
    rates: Mapping[str, Mapping[str, Any]]


class Frames(NamedTuple):
    """The tables of a run folder, members in the order of the study."""

    results: pd.DataFrame
    curves: pd.DataFrame
    sparsity: pd.DataFrame
    measures: pd.DataFrame


class Folder:
    """A run folder on disk, there or not yet. Only `locked` and what writes change anything."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def __str__(self) -> str:
        return str(self.path)

    def study(self) -> Study | None:
        """The study that it holds; None when it is empty or not there.

        Raises:
            FolderError: it is no folder, cannot be read, or holds something else.
        """
        way_out = "choose another folder with --out"
        if self.path.exists() and not self.path.is_dir():
            raise FolderError(f"{self} is a file and no folder; {way_out}")
        try:
            names = [p.name for p in self.path.iterdir()] if self.path.exists() else []
            if "study.toml" in names:
                text = (self.path / "study.toml").read_text("utf-8")
                return located(parse(text, f"{self}/study.toml"), self.path, str(self))
        except (OSError, UnicodeDecodeError) as error:
            raise FolderError(f"cannot read {self}: {error}; {way_out}") from None
        except SpecError as error:
            raise FolderError(f"{error}; was it changed by hand? {way_out}") from None
        if not all(name == DATA or fnmatch(name, UNFINISHED) for name in names):
            raise FolderError(f"{self} holds something that is no study of lpreg; {way_out}")
        return None

    def plan(self) -> list[Stack]:
        """The stacks of plan.json."""
        file = self.path / "plan.json"
        if not file.exists():
            return []
        try:
            stacks = json.loads(file.read_text("utf-8"))["stacks"]
            return [Stack(tuple(s["members"]), s["device"], s["threads"]) for s in stacks]
        except (OSError, ValueError, KeyError, TypeError):
            raise FolderError(
                f"{file} is damaged; delete it: what is not finished is planned again"
            ) from None

    def strengths(self) -> dict[str, dict[str, Any]]:
        """The matched strengths that were measured so far, by their keys (`matched.py`)."""
        file = self.path / "matched.json"
        if not file.exists():
            return {}
        try:
            known = json.loads(file.read_text("utf-8"))
            return {key: {**about, "lam": float(about["lam"])} for key, about in known.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise FolderError(
                f"{file} is damaged; delete it: the strengths are measured again"
            ) from None

    def keep_strengths(self, known: Mapping[str, Mapping[str, Any]]) -> None:
        """Write what `strengths` gives."""
        with self._writing():
            self._write("matched.json", json.dumps(known, indent=1) + "\n")

    def stored(self) -> dict[str, tuple[str, ...]]:
        """Finished stacks, by id, with the ids of their members.

        Raises:
            FolderError: a file of a finished stack is missing or damaged.
        """
        tables = {id: self.table(id, "results") for id in self.finished()}
        for id in tables:
            for kind in ("curves", "sparsity", "measures"):
                if kind != "measures" or self.is_measured(id):
                    self._checked(id, kind, pq.read_metadata)
        return {id: tuple(table["member"].to_pylist()) for id, table in tables.items()}

    def read(self) -> Frames:
        """All that is stored; raises as `stored`, or when there is no study."""
        study = self._held()
        return Frames(**{kind: _frame(study, kind, self._tables(kind)) for kind in TABLES})

    def measures(self, more: Iterable[pa.Table] = ()) -> pd.DataFrame:
        """The measures that are stored and some more, as `read` gives them; raises as `read`."""
        return _frame(self._held(), "measures", [*self._tables("measures"), *more])

    def finished(self) -> list[str]:
        """The ids of the stacks whose results are stored."""
        return sorted(p.stem for p in (self.path / "results").glob("*.parquet"))

    def is_measured(self, id: str) -> bool:
        """Whether the stack of this id has a file of measures."""
        return self._file(id, "measures").exists()

    def _file(self, id: str, kind: str) -> Path:
        return self.path / kind / f"{id}.parquet"

    def _held(self) -> Study:
        study = self.study()
        if study is None:
            raise FolderError(f"{self} holds no study; train one with: lpreg run shapes --quick")
        return study

    def _tables(self, kind: str) -> list[pa.Table]:
        there = [id for id in self.finished() if kind != "measures" or self.is_measured(id)]
        return [self.table(id, kind) for id in there]

    def table(self, id: str, kind: str) -> pa.Table:
        """A table of a finished stack; raises as `stored`."""
        return self._checked(
            id, kind, lambda file: pq.read_table(file, page_checksum_verification=True)
        )

    def _checked(self, id: str, kind: str, read: Callable[[Path], Any]) -> Any:
        file = self._file(id, kind)
        try:
            return read(file)
        except (pa.ArrowException, OSError) as error:
            state = "is missing" if isinstance(error, FileNotFoundError) else "is damaged"
            remedy = f"delete {self._file(id, 'results')} and its stack is trained again"
            if kind == "measures":
                remedy = f"delete it to measure the kept weights again, or {remedy}"
            raise FolderError(f"{file} {state}; {remedy}") from None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folder and keep other processes out for as long as this one lives in the block.

        Raises:
            FolderError: it cannot be made, or another process is in it.
        """
        with self._writing():
            self.path.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_RDONLY)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise FolderError(
                    f"another process is at work in {self}; "
                    "wait until it ends, or choose another folder with --out"
                ) from None
            yield
        finally:
            os.close(descriptor)

    def begin(self, study: Study, plan: Sequence[Stack], environment: Mapping[str, Any]) -> None:
        """Write what the folder is about to hold; to be called in `locked`."""
        with self._writing():
            for stale in self.path.rglob(UNFINISHED):
                stale.unlink()
            pending = {stack.id for stack in plan} - set(self.finished())
            there = {file.stem for file in (self.path / "checkpoints").glob("*.safetensors")}
            self._forget(there - pending)
            self._write_study(study)
            self._write("environment.json", json.dumps(environment, indent=2) + "\n")
            stacks = [stack.as_json() for stack in plan]
            self._write("plan.json", json.dumps({"stacks": stacks}, indent=1) + "\n")

    def restate(self, study: Study) -> None:
        """Write the study where it says more than the one that is held: claims, or more arms of
        which nothing is asked yet; to be called in `locked`."""
        if study != self.study():
            with self._writing():
                self._write_study(study)

    def add(self, stack: Stack, trained: Trained) -> None:
        """Store a finished stack."""
        says = {"network": trained.network, "rates": trained.rates}
        metadata = {key: json.dumps(value) for key, value in says.items()}
        with self._writing():
            for kind, tensors in (("weights", trained.weights), ("snapshots", trained.snapshots)):
                if tensors:
                    self._replace(
                        f"{kind}/{stack.id}.safetensors",
                        lambda part, tensors=tensors: save_file(dict(tensors), part, metadata),
                    )
            for kind in TABLES:
                self._add_table(stack.id, kind, getattr(trained, kind))
            self._forget({stack.id})

    def add_measures(self, id: str, measures: pa.Table) -> None:
        """Store what was measured of a finished stack afterwards; to be called in `locked`."""
        with self._writing():
            self._add_table(id, "measures", measures)

    def _add_table(self, id: str, kind: str, table: pa.Table) -> None:
        replace(
            self._file(id, kind),
            lambda part: pq.write_table(table, part, compression="zstd", write_page_checksum=True),
        )

    def checkpoint(self, stack: Stack, seconds: float) -> StackCheckpoint:
        """Where a stack saves itself while it trains, at most every so many seconds."""
        file = self.path / "checkpoints" / f"{stack.id}.safetensors"
        return StackCheckpoint(file, stack.id, stack.device, seconds)

    def _forget(self, stacks: Collection[str]) -> None:
        """Remove the checkpoints of these stacks."""
        folder = self.path / "checkpoints"
        for file in folder.glob("*.safetensors"):
            if file.stem in stacks:
                file.unlink()
        with suppress(OSError):  # others are in it, or none
            folder.rmdir()

    def arrays(self) -> set[Path]:
        """The files of data sets that `keep` has stored."""
        return set((self.path / DATA).glob("*.npz"))

    def drop(self, files: Iterable[Path]) -> None:
        """Remove such files."""
        for file in files:
            file.unlink()
        with suppress(OSError):  # there are others, or none
            (self.path / DATA).rmdir()

    def keep(self, dataset: Dataset) -> dict[str, str]:
        """Store a data set that comes from no file; what `[[data]]` is to say of it."""
        with self._writing():
            new = store(dataset, self.path / DATA / "new.npz")
            own = fingerprint(new)
            place = new.replace(self.path / DATA / f"{own[:12]}.npz")
        return {"kind": "arrays", "path": str(place.resolve()), "sha256": own}

    def _write_study(self, study: Study) -> None:
        self._write("study.toml", dump(seen_from(self.path, study)))

    def _write(self, name: str, text: str) -> None:
        self._replace(name, lambda part: part.write_text(text, "utf-8"))

    def _replace(self, name: str, write: Callable[[Path], Any]) -> None:
        replace(self.path / name, write)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise FolderError(
                f"cannot write to {self}: {error.strerror or error}; choose another with --out"
            ) from None


def _frame(study: Study, kind: str, tables: Sequence[pa.Table]) -> pd.DataFrame:
    """Tables of one kind as one frame, members in the order of the study."""
    if not tables:
        return rows.table([], {"measures": rows.MEASURES}.get(kind, ("member",))).to_pandas()
    frame = pa.concat_tables(tables, promote_options="default").to_pandas()
    order = {member.id: i for i, member in enumerate(members(study))}
    ranked = frame.assign(_=frame["member"].map(order))
    return ranked.sort_values("_", kind="stable", ignore_index=True).drop(columns="_")


def read(folder: str | Path) -> Frames:
    """The tables of a run folder: `results`, `curves`, `sparsity` and `measures`.

    The last has a row per number that is measured of a trained member, `member`, `measure`,
    `tensor`, `at`, `value`, see `lpreg.study.measures`; none for stacks of folders that are older.

    Raises:
        FolderError: there is no study, or a file is damaged.
    """
    return Folder(folder).read()
