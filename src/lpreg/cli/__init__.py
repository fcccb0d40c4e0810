"""The command line: `lpreg run`, `lpreg list`, `lpreg show`.

Mistakes end as one or two plain lines on stderr and exit code 2, never as a traceback.
"""

import sys
from collections.abc import Sequence


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

        return execute(arguments)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("lpreg"):
            raise
        return _complain(f'{error.name} is not installed: pip install "lpreg[lab]"', 2)
    except KeyboardInterrupt:
        return _complain("interrupted", 130)


def _complain(line: str, code: int) -> int:
    print(f"lpreg: {line}", file=sys.stderr)
    return code
