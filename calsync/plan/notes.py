"""What a person should know of a plan as a whole: how long it will take, and which changes nobody can see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from calsync.errors import Diagnostic, Severity
from calsync.model import Capabilities, Rate, Record
from calsync.plan.action import Action, Create, Replace, Reschedule, Update
from calsync.plan.bundles import bundles

LONG = timedelta(hours=1)
_SPANS = {60.0: "a minute", 3600.0: "an hour"}


def duration(
    actions: Sequence[Action],
    abilities: Mapping[str, Capabilities],
    rates: Mapping[str, Rate],
    now: datetime,
    lead_time: timedelta,
) -> list[Diagnostic]:
    """A note where a service's rate makes the plan's writes take more than an hour, and a warning for each post whose
    time comes before its turn. `rates` are those of writes, by service.
    """
    found: list[Diagnostic] = []
    for service, rate in sorted(rates.items()):
        indexed = list(enumerate(actions))
        changes = [
            (each,)
            for each in indexed
            if isinstance(each[1].step, (Reschedule, Update)) and each[1].account.service == service
        ]
        creates = [
            each
            for each in indexed
            if isinstance(each[1].step, (Create, Replace)) and each[1].account.service == service
        ]
        requests = [*changes, *bundles(creates, abilities)]
        taken = timedelta(seconds=len(requests) * rate.seconds / rate.most)
        if taken <= LONG:
            continue
        posts = sum(map(len, requests))
        span = _SPANS.get(rate.seconds, f"{rate.seconds:g} seconds")
        together = f" in {len(requests)} requests" if len(requests) != posts else ""
        found.append(
            Diagnostic(
                severity=Severity.NOTE,
                code="takes-long",
                message=f"{service} takes {rate.most} creates {span}:"
                f" these {posts} posts{together} take about {spelled(taken)}, the soonest first",
            )
        )
        for number, request in enumerate(requests):
            turn = now + timedelta(seconds=number // rate.most * rate.seconds)
            found += [
                _late(action, turn - now)
                for _, action in request
                if action.after is not None and turn > now and action.after < turn + lead_time
            ]
    return found


def _late(action: Action, wait: timedelta) -> Diagnostic:
    return Diagnostic(
        severity=Severity.WARNING,
        code="takes-long",
        message=f"its turn comes in about {spelled(wait)}, which is too late for its time",
        hint=f"give it a later time, or raise the rate where {action.account.service} allows more",
        source=action.source,
        address=str(action.address),
    )


def spelled(span: timedelta) -> str:
    """Hours and minutes: `3 h 20 min`."""
    hours, minutes = divmod(round(span.total_seconds() / 60), 60)
    return " ".join(
        word for word in (f"{hours} h" if hours else "", f"{minutes} min" if minutes else "") if word
    )


_WORDS = {"media": "media", "thread": "replies", "options": "options"}


def unseen(
    records: Iterable[Record], abilities: Mapping[str, Capabilities], now: datetime
) -> list[Diagnostic]:
    """One note for each service that hides something of the posts that are still to go out there."""
    hidden: dict[str, set[str]] = {}
    for record in records:
        can, content = abilities.get(record.account.service), record.content
        if can is None or not can.hidden or content.at <= now:
            continue
        says = {"media": content.media, "thread": content.thread, "options": content.options}
        hidden.setdefault(record.account.service, set()).update(
            name for name, said in says.items() if said and name in can.hidden
        )
    return [
        Diagnostic(
            severity=Severity.NOTE,
            code="not-shown",
            message=f"{service} shows {_neither(names)} of its posts:"
            " what is changed there by hand cannot be seen",
        )
        for service, names in sorted(hidden.items())
        if names
    ]


def _neither(names: set[str]) -> str:
    words = [word for name, word in _WORDS.items() if name in names]
    return f"no {words[0]}" if len(words) == 1 else f"neither {' nor '.join(words)}"
