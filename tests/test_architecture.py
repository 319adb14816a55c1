"""The house: which room may enter which, where libraries live, and budgets that only a visible diff may raise."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import calsync

ROOT = Path(__file__).resolve().parents[1]
HOUSE = ROOT / "calsync"

NOUNS = {"errors", "model"}
TEXT = {"textfile", "zones", "document", "fields", "options", "replies", "schema", "reading"}
MAY_ENTER: dict[str, set[str]] = {
    # on the ground: nothing but the standard library
    "errors": set(),
    "interrupts": set(),
    "model": {"errors"},
    # what people write
    "inside": set(),
    "textfile": {"errors", "inside"},
    "zones": {"textfile"},
    "syntax": {"textfile"},
    "pureyaml": set(),
    "nodes": set(),
    "document": {"errors", "nodes", "pureyaml", "syntax", "textfile"},
    "fields": {*NOUNS, "document", "textfile", "zones"},
    "options": {"fields"},
    "replies": {*NOUNS, "document", "fields", "textfile"},
    "schema": {*NOUNS, "document", "fields", "options", "replies"},
    "editors": {"options", "schema"},
    "reading": {*NOUNS, *TEXT},
    "merging": {*NOUNS, *TEXT},
    "building": {*NOUNS, *TEXT, "entries", "merging", "media"},
    "entries": {*NOUNS, *TEXT, "building", "merging", "media", "settings"},
    "finding": {*NOUNS, "inside", "settings", "textfile"},
    "desired": {*NOUNS, *TEXT, "entries", "finding", "media", "settings"},
    "schemas": {"model"},
    "networks": {"fields", "model", "schemas", "textfile"},
    "editing": {"errors", "document", "textfile"},
    "environment": {"errors"},
    "accounts": {*NOUNS, *TEXT},
    "settings": {*NOUNS, *TEXT, "accounts", "environment", "inside", "providers.base"},
    "media": {*NOUNS, "inside", "textfile"},
    "rules": NOUNS,
    # what we wrote down
    "statefile": NOUNS,
    "books": {*NOUNS, "statefile"},
    "git": {"errors", "textfile"},
    "stores": {"errors", "git", "textfile"},
    "recorded": {*NOUNS, "books", "statefile", "stores.base"},
    # what the services say and do
    "transport": {*NOUNS},
    "providers": {*NOUNS, "transport"},
    "benches": {*NOUNS, "providers.base"},
    "testing": {*NOUNS, "providers.base", "benches"},
    "binding": {*NOUNS, "providers.base", "textfile"},
    "observed": {*NOUNS, "providers.base"},
    # where calendars are reviewed
    "forges": {*NOUNS, "environment", "transport"},
    # the verbs
    "plan": NOUNS,
    "planfile": {*NOUNS, "plan", "zones"},
    "apply": {*NOUNS, "interrupts", "media", "plan", "recorded", "providers.base"},
    "reconcile": {
        *NOUNS, "apply", "binding", "desired", "interrupts", "media", "networks", "observed", "options", "plan",
        "providers.base", "recorded",
        "rules", "settings", "stores.base", "zones",
    },
    "render": {*NOUNS, "plan"},
    "starter": {*NOUNS, "recorded", "stores", "workflows"},
    "workflows": set(),
    "sandbox": set(),
    # the composition root sees all; nobody sees it
    "cli": {
        *NOUNS, *TEXT, "desired", "editing", "editors", "environment", "forges", "git", "interrupts", "media", "observed", "plan", "planfile",
        "providers", "reconcile", "recorded", "render", "sandbox", "settings", "starter", "statefile", "stores", "transport",
    },
    "__main__": {"cli", "interrupts"},
}  # fmt: skip
"""Room -> rooms. `providers.base` is the protocol alone, `providers` the whole shelf."""

PURE = {"plan", "rules", "render", "model", "errors"}
"""Rooms without input and output: no files, no network, no clock, no environment."""
WORLDLY = {
    "os",
    "pathlib",
    "socket",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib",
    "shutil",
    "random",
}

HOMES: dict[str, set[str]] = {
    "httpx": {"transport"},
    "httpcore": {"transport"},
    "click": {"cli"},
    "yaml": {"document", "pureyaml", "syntax"},
    "ruamel": {"editing"},
    "deepdiff": {"plan.changes"},
    "pydantic": {
        "editors",
        "fields",
        "options",
        "planfile",
        "providers",
        "reading",
        "schema",
        "settings",
        "statefile",
    },
    "pydantic_core": {"fields"},
    "rich": {"cli", "render"},
    "starlette": {"sandbox"},
    "uvicorn": {"sandbox"},
    "tzdata": {"zones"},
    "jsonschema": {"networks"},
    "pytest": {"benches", "testing"},
}
"""Library -> the rooms that may import it."""

SERVICES = ("postqued", "tikflow", "postiz", "memory")

LONGEST = 400
LONGER: dict[str, int] = {}

BUDGETS = {"type: ignore": 12, "Any": 60, "cast(": 0, "noqa": 44, "pragma: no cover": 0}
"""How often these may stand in the package. Raising one is a change that a reviewer sees."""


@dataclass(frozen=True)
class Import:
    """One import statement."""

    importer: str
    target: str
    line: int
    lazy: bool
    """Inside a function, or for the type checker only."""


def modules() -> list[Path]:
    return sorted(path for path in HOUSE.rglob("*.py") if "__pycache__" not in path.parts)


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def name_of(path: Path) -> str:
    """`plan.table` for calsync/plan/table.py; a package is its own name."""
    return ".".join(path.relative_to(HOUSE).with_suffix("").parts).removesuffix(".__init__")


def room_of(module: str) -> str:
    return module.split(".")[0]


@cache
def imports() -> tuple[Import, ...]:
    """Every import of the package; of our own modules by their name inside the house."""
    known = {name_of(path) for path in modules()}
    found: list[Import] = []
    for path in modules():
        for node, lazy in _statements(tree(path), lazy=False):
            for target in _targets(node, known):
                found.append(Import(name_of(path), target, node.lineno, lazy))
    return tuple(found)


def _statements(node: ast.AST, *, lazy: bool) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, lazy
        inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) or (
            isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        )
        yield from _statements(child, lazy=lazy or inside)


def _targets(node: ast.Import | ast.ImportFrom, known: set[str]) -> Iterator[str]:
    """`.plan.table` for ours, `httpx` for others'; `from calsync import zones` is `.zones`."""
    if isinstance(node, ast.Import):
        names = [each.name for each in node.names]
    else:
        assert node.level == 0, "relative imports hide which room is entered"
        names = [
            f"{node.module}.{each.name}"
            if f"{node.module}.{each.name}".removeprefix("calsync.") in known
            else str(node.module)
            for each in node.names
        ]
    for name in dict.fromkeys(names):
        if name.split(".")[0] == "calsync":
            yield "." + name.removeprefix("calsync").removeprefix(".")
        else:
            yield name


def ours() -> Iterator[tuple[Import, str]]:
    """Imports of our own modules, without the version and what stays inside a room."""
    for each in imports():
        target = each.target.removeprefix(".")
        if each.target.startswith(".") and target and room_of(target) != room_of(each.importer):
            yield each, target


def test_the_map_names_every_room() -> None:
    """The package's docstring names every room and no other, and so does the table of who may enter which."""
    rooms = {room_of(name_of(path)) for path in modules()} - {"__init__"}
    body = (calsync.__doc__ or "").partition("Rooms")[2].partition("Glossary")[0]
    named = set(re.findall(r"(?m)^    (\w+)  +\S", body))
    assert named == rooms
    assert set(MAY_ENTER) == rooms


@pytest.mark.parametrize("package", ["apply", "cli", "forges", "plan", "planfile", "reconcile", "rules"])
def test_packages_name_their_modules(package: str) -> None:
    """Where a package's docstring is a map of its modules, it names all of them."""
    named = ast.get_docstring(tree(HOUSE / package / "__init__.py")) or ""
    modules_there = {path.stem for path in (HOUSE / package).glob("*.py")} - {"__init__"}
    assert {each for each in modules_there if not re.search(rf"\b{each}\b", named)} == set()


def test_rooms_enter_only_what_they_may() -> None:
    """Every import between rooms is one that the table allows."""
    wrong = []
    for each, target in ours():
        allowed = MAY_ENTER[room_of(each.importer)]
        if room_of(target) not in allowed and target not in allowed:
            wrong.append(f"{each.importer}:{each.line} may not enter {target}")
    assert wrong == []


def test_no_import_goes_in_a_circle() -> None:
    """Modules import each other in one direction only, imports inside functions included."""
    edges: dict[str, set[str]] = {}
    known = {name_of(path) for path in modules()}
    for each in imports():
        target = each.target.removeprefix(".")
        if each.target.startswith(".") and target in known and not _typing_only(each):
            edges.setdefault(each.importer, set()).add(target)
    done: set[str] = set()

    def walk(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path[path.index(module) :], module))
        if module not in done:
            for target in sorted(edges.get(module, ())):
                walk(target, (*path, module))
            done.add(module)

    for module in sorted(edges):
        walk(module, ())


def _typing_only(each: Import) -> bool:
    path = HOUSE / (each.importer.replace(".", "/") + ".py")
    path = path if path.is_file() else path.with_suffix("") / "__init__.py"
    return each.line in _typing_lines(path)


@cache
def _typing_lines(path: Path) -> frozenset[int]:
    return frozenset(
        line
        for node in ast.walk(tree(path))
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for line in range(node.lineno, (node.end_lineno or 0) + 1)
    )


def test_services_do_not_know_each_other() -> None:
    """A provider imports the protocol, the way to its service, and its own modules; stores likewise."""
    wrong = [
        f"{each.importer} imports {each.target}"
        for each in imports()
        for service in SERVICES
        if each.importer.startswith(f"providers.{service}")
        and any(each.target.startswith(f".providers.{other}") for other in SERVICES if other != service)
    ]
    wrong += [
        f"{each.importer} imports {each.target}"
        for each in imports()
        if each.importer.startswith("stores.")
        and each.target.startswith(".stores.")
        and each.target != ".stores.base"
        and not each.target.startswith(f".{each.importer}_")
        and not each.lazy
    ]
    assert wrong == []


def test_libraries_have_homes() -> None:
    """Every library is imported in its home only, and none is imported that has no home here."""
    wrong = []
    for each in imports():
        library = each.target.split(".")[0]
        if each.target.startswith(".") or library in sys.stdlib_module_names:
            continue
        homes = HOMES.get(library, set())
        if room_of(each.importer) not in homes and each.importer not in homes:
            wrong.append(f"{each.importer}:{each.line} imports {library}")
    assert wrong == []


def test_pure_rooms_have_no_window() -> None:
    """The planner, the rules, the renderings and the nouns reach neither files nor network, clock or environment."""
    wrong = [
        f"{each.importer}:{each.line} imports {each.target}"
        for each in imports()
        if room_of(each.importer) in PURE and each.target.split(".")[0] in WORLDLY
    ]
    for path in modules():
        if room_of(name_of(path)) in PURE:
            wrong += [
                f"{name_of(path)}:{node.lineno} {ast.unparse(node)}"
                for node in ast.walk(tree(path))
                if (isinstance(node, ast.Name) and node.id == "open")
                or (isinstance(node, ast.Attribute) and node.attr in {"now", "today"} and _is_clock(node))
            ]
    assert wrong == []


def _is_clock(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id in {"datetime", "date"}


def test_the_environment_is_read_in_one_place() -> None:
    """Only the command line touches os.environ, and hands it in."""
    wrong = [
        f"{name_of(path)}:{node.lineno}"
        for path in modules()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute)
        and node.attr in {"environ", "environb", "getenv"}
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
        and room_of(name_of(path)) != "cli"
    ]
    assert wrong == []


def test_modules_hold_no_state() -> None:
    """Nothing at the top of a module can be changed: no list, set or dict is made there that is not a constant."""
    wrong = []
    for path in modules():
        for node in tree(path).body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            names = [each.id for each in targets if isinstance(each, ast.Name)]
            value = getattr(node, "value", None)
            mutable = isinstance(value, ast.List | ast.Set | ast.Dict) or (
                isinstance(value, ast.Call)
                and ast.unparse(value.func) in {"list", "set", "dict", "defaultdict"}
            )
            # Constants in capitals are written once; they are checked for being filled later, below.
            if (
                names
                and mutable
                and not all(re.fullmatch(r"_?[A-Z][A-Z0-9_]*|__all__", name) for name in names)
            ):
                wrong.append(f"{name_of(path)}:{node.lineno} {names}")
        wrong += [
            f"{name_of(path)}:{node.lineno} global"
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Global)
        ]
        wrong += _filled_later(path)
    assert wrong == []


def _filled_later(path: Path) -> list[str]:
    """Constants that something is put into after all."""
    changing = {
        "append",
        "extend",
        "add",
        "update",
        "setdefault",
        "pop",
        "clear",
        "insert",
        "remove",
        "discard",
    }
    found = []
    for node in ast.walk(tree(path)):
        name: ast.expr | None = None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in changing:
            name = node.func.value
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            name = node.value
        if isinstance(name, ast.Name) and re.fullmatch(r"_?[A-Z][A-Z0-9_]+", name.id):
            found.append(f"{name_of(path)}:{name.lineno} changes {name.id}")
    return found


def test_modules_stay_short() -> None:
    """No module is longer than a reader holds in mind, but for those with a reason."""
    lengths = {
        str(path.relative_to(HOUSE)): len(path.read_text(encoding="utf-8").splitlines()) for path in modules()
    }
    assert {name: length for name, length in lengths.items() if length > LONGER.get(name, LONGEST)} == {}
    assert [name for name in LONGER if lengths.get(name, 0) <= LONGEST] == [], (
        "these need no exception any more"
    )


@pytest.mark.parametrize("words", BUDGETS)
def test_budgets_of_exceptions(words: str) -> None:
    """Ways around the type checker and the linter are counted."""
    pattern = re.compile(rf"\b{words}\b" if words.isalpha() else re.escape(words))
    places = [
        f"{name_of(path)}:{number}"
        for path in modules()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for _ in pattern.finditer(line)
    ]
    assert len(places) <= BUDGETS[words], places


def loaded(*argv: str, **env: str) -> set[str]:
    """The modules that a run has imported, beyond those that Python starts with."""
    script = (
        "import sys; before = set(sys.modules); sys.argv = ['calsync', *sys.argv[1:]]\n"
        "from calsync.__main__ import main\n"
        "try: main()\n"
        "except SystemExit as stop: assert not stop.code, stop.code\n"
        "print('loaded', *sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *argv],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **env},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.splitlines()[-1].split()[1:])


def test_the_version_costs_nothing() -> None:
    """`calsync --version` imports nothing but the two modules that answer it."""
    assert loaded("--version") == {"__future__", "calsync", "calsync.__main__"}


def test_help_loads_no_library_but_click() -> None:
    """Help is shown without the libraries that the commands need."""
    libraries = {name.split(".")[0] for name in loaded("--help")} - sys.stdlib_module_names
    assert libraries <= {"calsync", "click"}


def test_completing_a_command_loads_none() -> None:
    """Whoever presses the tab key waits for the names of the commands, not for the commands."""
    names = loaded(_CALSYNC_COMPLETE="bash_complete", COMP_WORDS="calsync s", COMP_CWORD="1")
    assert {name for name in names if name.startswith("calsync.cli.")} == {"calsync.cli.group"}
    assert {name.split(".")[0] for name in names} - sys.stdlib_module_names <= {"calsync", "click"}


@pytest.mark.parametrize("argv", [["validate"], ["plan", "--refresh", "off"]])
def test_offline_commands_load_no_network(argv: list[str], tmp_path: Path) -> None:
    """What asks no service does not load the way to one."""
    (tmp_path / "calsync.yaml").write_text("version: 1\naccounts: {}\n")
    names = loaded("-C", str(tmp_path), *argv)
    assert not {"httpx", "starlette", "uvicorn", "ssl", "asyncio"} & names
