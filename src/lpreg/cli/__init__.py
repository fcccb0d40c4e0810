"""The command line: `lpreg run`, `lpreg list`, `lpreg show`.

Mistakes end as one or two plain lines on stderr and exit code 2, never as a traceback.
"""

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: the arguments after the program's name; those of the process when left out.

    Returns:
        The exit code: 0, 1 when a stack failed unexpectedly, 2 for a mistake in what was typed or
        read, 130 after Ctrl-C.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        from lpreg.cli.commands import execute

        code = execute(arguments)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("lpreg"):
            raise
        print(f'lpreg: {error.name} is not installed: pip install "lpreg[lab]"', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:  # whoever reads has read enough: `lpreg show | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if code == INTERRUPTED:
        print(f"interrupted; go on with: {command(*arguments)}", file=sys.stderr)
    return code


def command(*arguments: object) -> str:
    """What to type for these arguments, the program as it was called this time."""
    typed = Path(sys.argv[0])
    program = "python -m lpreg"
    if typed.name == "lpreg":
        found = shutil.which("lpreg")
        on_path = found is not None and Path(found).resolve() == typed.resolve()
        program = "lpreg" if on_path else shlex.quote(str(typed))
    return f"{program} {shlex.join(map(str, arguments))}"
