"""python -m calsync, and the console script: answers --version before anything else is imported."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        from calsync import __version__

        sys.stdout.write(f"calsync {__version__}\n")
        return
    import gc

    # A run makes many objects that live to its end and next to no cycles: looking for some costs a tenth of its time.
    gc.set_threshold(50_000, 20, 50)
    from calsync.interrupts import Ears

    ears = Ears()
    ears.listen()
    try:
        from calsync.cli import run

        code = run(sys.argv[1:], ears)
    except BaseException:
        if not ears.heard:
            raise
        code = 130
    ears.settle()
    sys.exit(code)


if __name__ == "__main__":
    main()
