"""python -m calsync, and the console script: answers --version before anything else is imported."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        from calsync import __version__

        sys.stdout.write(f"calsync {__version__}\n")
        return
    from calsync import interrupts

    interrupts.listen()
    try:
        from calsync.cli import run

        code = run(sys.argv[1:])
    except BaseException:
        if not interrupts.heard:
            raise
        code = 130
    interrupts.settle()
    sys.exit(code)


if __name__ == "__main__":
    main()
