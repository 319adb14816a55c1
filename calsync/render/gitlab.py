"""Findings as GitLab's Code Quality report, which shows them in merge requests.

https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from calsync.errors import Diagnostic, Severity
from calsync.model import Json
from calsync.render.facts import by_weight
from calsync.render.safe import terminal

_SEVERITIES = {Severity.ERROR: "critical", Severity.WARNING: "minor", Severity.NOTE: "info"}


def code_quality(diagnostics: Iterable[Diagnostic], *, project: str, folder: str = "") -> str:
    """The report, errors first. What has no place is shown at the project file, `project`.

    `folder`: where the project is in its repository, as `folder/`. A finding keeps its fingerprint when lines move.
    """
    report: list[Json] = []
    seen: dict[str, int] = {}
    for each in by_weight(diagnostics):
        file, line = (each.source.file, each.source.line) if each.source else (project, 1)
        identity = "\0".join((each.code, file, each.address or "", each.message))
        seen[identity] = seen.get(identity, 0) + 1
        said = f"{each.address}: {each.message}" if each.address else each.message
        report.append(
            {
                "description": terminal(f"{said} ({each.hint})" if each.hint else said),
                "check_name": each.code,
                "fingerprint": hashlib.sha256(f"{identity}\0{seen[identity]}".encode()).hexdigest(),
                "severity": _SEVERITIES[each.severity],
                "location": {"path": f"{folder}{file}", "lines": {"begin": line}},
            }
        )
    return json.dumps(report, indent=2) + "\n"
