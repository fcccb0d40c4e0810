"""Where studies come from: the gallery that ships with lpreg, and files."""

from importlib.resources import files
from pathlib import Path

from lpreg.study.errors import SpecError, unknown
from lpreg.study.own import located
from lpreg.study.spec import Study, parse


def gallery() -> list[str]:
    """The names of the studies that ship with lpreg."""
    folder = files("lpreg.study") / "gallery"
    return sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name[-5:] == ".toml")


def text(name: str) -> str:
    """The TOML of a gallery study.

    Raises:
        SpecError: there is none of this name.
    """
    if name not in gallery():
        raise SpecError(unknown("study", name, gallery()))
    return (files("lpreg.study") / "gallery" / f"{name}.toml").read_text("utf-8")


def find(source: str) -> tuple[Study, str]:
    """The study of this name or in this file, and what to call its text in messages.

    Raises:
        SpecError: no such name or file, or no valid study, or no such file of data.
    """
    if source in gallery():
        return parse(text(source), f"{source}.toml"), f"{source}.toml"
    path = Path(source)
    if path.suffix != ".toml":
        hint = "or give a file that ends in .toml"
        raise SpecError(f"{unknown('study', source, gallery())}; {hint}")
    try:
        return located(parse(path.read_text("utf-8"), source), path.parent, source), source
    except FileNotFoundError:
        raise SpecError(
            f"{source} does not exist; give a file that does, or a study of the gallery: "
            + ", ".join(gallery())
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{source} cannot be read: {error}") from None
