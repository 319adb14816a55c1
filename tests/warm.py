"""The command line in processes of their own, without a second's start-up for each.

``Warm`` starts one process that has imported everything and then only forks: each run is a process with its own
pid, environment, directory, streams and signals, as ``python -m calsync`` has. It ends as that ends but for the
clearing up of the interpreter, which takes longer than the run: ``Cold`` is for where that is part of the law.
``Running`` is the handle of a run, however it was started.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import BuiltinFunctionType, FrameType
from typing import IO, Any, ClassVar

READY = b"ready\n"
_PROGRAM = """\
#!{python} -IS
import json, os, socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect({address!r})
said = dict(argv=sys.argv[1:], env=dict(os.environ), cwd=os.getcwd(), trap=None)
order = json.dumps(said).encode()
socket.send_fds(connection, [len(order).to_bytes(4, "big")], [0, 1, 2])
connection.sendall(order)
answers = connection.makefile("rb")
pid = int(answers.readline())
if "TMPDIR" in os.environ:
    with open(os.path.join(os.environ["TMPDIR"], "calsync.pid"), "w") as file:
        file.write(str(pid))
code = int(answers.readline())
sys.exit(code if code >= 0 else 128 - code)
"""


class Running:
    """One run that has been started."""

    def __init__(self, pid: int, finish: Any, stdout: IO[bytes], stderr: IO[bytes]) -> None:
        self.pid = pid
        self._finish = finish
        self._streams = stdout, stderr

    def signal(self, number: int) -> None:
        """Send a signal to this process and no other."""
        os.kill(self.pid, number)

    def kill(self) -> int:
        """Kill it so that nothing in it can object; its exit status."""
        self.signal(signal.SIGKILL)
        return self.wait()[0]

    def said(self) -> tuple[str, str]:
        """What stdout and stderr hold so far."""
        return _text(self._streams[0]), _text(self._streams[1])

    def wait(self, seconds: float = 60) -> tuple[int, str, str]:
        """Its exit status (negative: the signal that ended it), stdout and stderr."""
        code: int = self._finish(seconds)
        out, err = self.said()
        for stream in self._streams:
            stream.close()
        return code, out, err


def _text(stream: IO[bytes]) -> str:
    return os.pread(stream.fileno(), os.fstat(stream.fileno()).st_size, 0).decode("utf-8")


def _streams() -> tuple[IO[bytes], IO[bytes]]:
    """Files for what a run says, so that no pipe can be full; `Running.wait` closes them."""
    return tempfile.TemporaryFile(), tempfile.TemporaryFile()


@dataclass
class Cold:
    """``python -m calsync`` itself, for where the start is part of the law."""

    def start(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        cwd: Path,
        *,
        options: Sequence[str] = (),
        terminal: int | None = None,
    ) -> Running:
        """Start one run; `terminal`: a descriptor that is its stdin, stdout and stderr."""
        out, err = _streams()
        process = subprocess.Popen(
            [sys.executable, *options, "-m", "calsync", *argv],
            cwd=cwd,
            env={**env, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=subprocess.DEVNULL if terminal is None else terminal,
            stdout=out if terminal is None else terminal,
            stderr=err if terminal is None else terminal,
        )
        return Running(process.pid, lambda seconds: process.wait(seconds), out, err)


class Warm:
    """The process that forks; close it at the end."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="calsync-warm-")
        self._address = f"{self._folder.name}/socket"
        self._process = subprocess.Popen(
            [sys.executable, __file__, self._address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PATH": os.environ.get("PATH", ""), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != READY:
            raise RuntimeError("the process that forks did not start")

    def rehearse(self, argv: Sequence[str], env: Mapping[str, str], cwd: Path) -> int:
        """Run once in the process that forks; the exit code.

        What Python and its libraries make when it is first needed, such as patterns and validators, no later run
        has to make again: that is more than half of a run.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {"argv": list(argv), "env": dict(env), "cwd": str(cwd)}
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def start(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        cwd: Path,
        *,
        terminal: int | None = None,
        trap: Mapping[str, Any] | None = None,
    ) -> Running:
        """Start one run; `terminal`: a descriptor that is its stdin, stdout and stderr; `trap`: see `Trap`."""
        out, err = _streams()
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self._address)
        with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - a device
            streams = [nothing.fileno(), out.fileno(), err.fileno()] if terminal is None else [terminal] * 3
            said = {"argv": list(argv), "env": dict(env), "cwd": str(cwd), "trap": trap}
            order = json.dumps(said).encode()
            socket.send_fds(connection, [len(order).to_bytes(4, "big")], streams)
            connection.sendall(order)
        answers = connection.makefile("rb")
        pid = int(answers.readline())

        def finish(seconds: float) -> int:
            connection.settimeout(seconds)
            try:
                return int(answers.readline())
            finally:
                answers.close()
                connection.close()

        return Running(pid, finish, out, err)

    def install(self, path: Path) -> None:
        """Write a program that is `calsync` to shells: what calls it gets a run's streams and its end.

        The run's pid is in the file `calsync.pid` of TMPDIR, where that is set.
        """
        path.write_text(_PROGRAM.format(python=sys.executable, address=self._address), encoding="utf-8")
        path.chmod(0o755)

    def close(self) -> None:
        """End the process that forks."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()
        self._folder.cleanup()


class Trap:
    """Watches the system calls with which the file store writes, and kills its own process at one of them.

    `n`: at which, from 0, and `when`: just before or just after it; without `n` it only counts. `log`: a file for
    the names of the calls so far, as JSON, written at the end or right before the kill.

    Nothing of the program is replaced: Python's audit events tell when the store opens, removes or makes a file, and
    from there to where the store is left Python's profiler tells of every call of a built-in function.
    """

    HOME = "/calsync/stores/file.py"
    CALLS = frozenset(
        getattr(os, name)
        for name in ("write", "pwrite", "fsync", "fdatasync", "ftruncate", "replace")
        if hasattr(os, name)
    )
    EVENTS: ClassVar = {"open": "open", "os.remove": "unlink", "os.mkdir": "mkdir"}
    WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT

    def __init__(self, *, log: str, n: int | None = None, when: str = "before") -> None:
        self._log, self._n, self._when = log, n, when
        self._seen: list[str] = []
        self._here = threading.local()

    def set(self) -> None:
        """Begin to watch; there is no end to it in this process."""
        sys.addaudithook(self._audit)

    def report(self) -> None:
        """Write the names down."""
        self._here.deaf = True
        sys.setprofile(None)
        Path(self._log).write_text(json.dumps(self._seen))

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in self.EVENTS or getattr(self._here, "deaf", False):
            return
        if self._stores(sys._getframe(1)):
            sys.setprofile(self._profile)
            if event != "open" or arguments[2] & self.WRITING:
                self._call(self.EVENTS[event])

    def _profile(self, frame: FrameType, event: str, called: Any) -> None:
        # Whatever comes first after a call: nothing of this thread has happened since.
        self._over()
        if not self._stores(frame):
            sys.setprofile(None)
        elif event == "c_call" and type(called) is BuiltinFunctionType and called in self.CALLS:
            self._call(called.__name__)

    def _call(self, name: str) -> None:
        self._here.number = len(self._seen)
        self._seen.append(name)
        if self._when == "before":
            self._spring()

    def _over(self) -> None:
        if self._when == "after":
            self._spring()
        self._here.number = None

    def _spring(self) -> None:
        number: int | None = getattr(self._here, "number", None)
        if number is not None and number == self._n:
            self.report()
            os.kill(os.getpid(), signal.SIGKILL)

    def _stores(self, frame: FrameType | None) -> bool:
        """Whether the file store is at work here, itself or by what it called."""
        for _ in range(6):
            if frame is None:
                return False
            if frame.f_code.co_filename.endswith(self.HOME):
                return True
            frame = frame.f_back
        return False


class _Server:
    """Forks for every order, and tells who gave it how the run ended."""

    def __init__(self, address: str) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(address)
        self._listener.listen(16)
        self._woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        self._going: dict[int, socket.socket] = {}
        self._ended: dict[int, socket.socket] = {}

    def serve(self) -> dict[str, Any] | None:
        """Until stdin is closed; an order in the process that is to carry it out, and None in this one."""
        os.write(1, READY)
        while True:
            ready, _, _ = select.select(
                [0, self._woken, *map(socket.socket.fileno, (self._listener, *self._ended.values()))], [], []
            )
            if 0 in ready:
                rehearsal = sys.stdin.buffer.readline()
                if not rehearsal:
                    return None
                os.write(1, b"%d\n" % _rehearse(json.loads(rehearsal)))
            if self._woken in ready:
                os.read(self._woken, 4096)
            if self._listener.fileno() in ready:
                order = self._forked(self._listener.accept()[0])
                if order is not None:
                    return order
            self._tell()
            # Not reaped before the other side has hung up, so that its pid is nobody else's until then.
            for pid in [pid for pid, connection in self._ended.items() if connection.fileno() in ready]:
                self._ended.pop(pid).close()
                os.waitpid(pid, 0)

    def _forked(self, connection: socket.socket) -> dict[str, Any] | None:
        try:
            head, streams, _, _ = socket.recv_fds(connection, 4, 3)
            with connection.makefile("rb") as orders:
                order: dict[str, Any] = json.loads(orders.read(int.from_bytes(head, "big")))
        except (OSError, ValueError):
            # Killed before it had said what it wants.
            connection.close()
            return None
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
            for each in (self._listener, connection, *self._going.values(), *self._ended.values()):
                each.detach()
            os.closerange(3, os.sysconf("SC_OPEN_MAX"))
            return order
        for stream in streams:
            os.close(stream)
        self._going[pid] = connection
        with contextlib.suppress(OSError):
            connection.sendall(b"%d\n" % pid)
        return None

    def _tell(self) -> None:
        for pid in list(self._going):
            ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
            if ended is None:
                continue
            code = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
            self._ended[pid] = self._going.pop(pid)
            # A test that gave up does not want to know.
            with contextlib.suppress(OSError):
                self._ended[pid].sendall(b"%d\n" % code)


def _rehearse(order: dict[str, Any]) -> int:
    """Carry out an order in this process, and leave nothing behind but what is made once."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)
    before = {number: signal.getsignal(number) for number in signals}
    env, cwd = dict(os.environ), Path.cwd()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with (
        open(os.devnull, "w") as nothing,  # noqa: PTH123 - a device
        contextlib.redirect_stdout(nothing),
        contextlib.redirect_stderr(nothing),
    ):
        _become(order)
        code = _code_of_main()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    for number, handler in before.items():
        signal.signal(number, handler)
    assert threading.active_count() == 1, "a fork would lose what is under way"
    _freeze()
    return code


def _become(order: dict[str, Any]) -> None:
    """Take the directory, the environment and the arguments of an order."""
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    time.tzset()
    sys.argv = ["calsync", *order["argv"]]


def _code_of_main() -> int:
    """Run the command line; the exit code that it asks for."""
    from calsync.__main__ import main

    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return 0


def _freeze() -> None:
    """What is there now is never garbage: looking at it would copy all of it in every run."""
    gc.collect()
    gc.freeze()


def _import_everything() -> None:
    import importlib
    import pkgutil

    import calsync

    # What calsync imports where it is first needed, and what that imports only then.
    for name in (
        "_strptime",
        "calsync.__main__",
        "deepdiff",
        "encodings.idna",
        "httpx",
        "rich.progress",
        "tzdata",
    ):
        importlib.import_module(name)
    for module in pkgutil.walk_packages(calsync.__path__, "calsync."):
        if not module.name.startswith(("calsync.sandbox", "calsync.__main__")):
            importlib.import_module(module.name)


if __name__ == "__main__":
    _import_everything()
    _freeze()
    _order = _Server(sys.argv[1]).serve()
    if _order is None:
        os._exit(0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115 - descriptors
    _become(_order)
    _trap = None if _order["trap"] is None else Trap(**_order["trap"])
    if _trap is not None:
        _trap.set()
    _code = _code_of_main()
    if _trap is not None:
        _trap.report()
    # As Python does at its end: it waits for the threads, and lets all who asked for it have a last word.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(_code)
