"""What is judged over the whole plan once every address is decided: ties, places, wrong keys, the brake."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from calsync.errors import Diagnostic, Severity
from calsync.model import AccountKey, Address, Observed, Policy, Record, Recorded, Status, Usage
from calsync.plan.action import (
    Action,
    ActionKind,
    Adopt,
    Blocked,
    Cancel,
    Create,
    Deferred,
    Filters,
    Replace,
    Reschedule,
    Update,
)

QUOTA_URGENT = timedelta(hours=48)
"""A deferred post this near is an error, not a note."""


def blocked(action: Action, code: str, reason: str, hint: str | None) -> tuple[Action, Diagnostic]:
    """The action turned into a blocked one, with the diagnostic of the same code that every one has."""
    stopped = replace(
        action, step=Blocked(), code=code, reason=reason, changes=(), media=(), waits_for=(), drift=False
    )
    finding = Diagnostic(
        severity=Severity.WARNING if code == "stopped" else Severity.ERROR,
        code=code,
        message=reason,
        hint=hint,
        source=action.source,
        address=str(action.address),
    )
    return stopped, finding


def tie(
    actions: Sequence[Action], leaving: Sequence[tuple[Record, bool]]
) -> tuple[list[Action], list[Diagnostic]]:
    """Tie creates to the cancels of vanished posts that they may stand for.

    `leaving`: each vanished record that is not simply over, and whether its cancel is part of the plan. A create
    with the same calendar and id (or a former one), or on the same account with the same media or minute, waits for the cancel; it
    is blocked where that cannot be done, so that no post is there twice.
    """
    by_name: dict[tuple[str, str], list[tuple[Record, bool]]] = defaultdict(list)
    by_media: dict[tuple[AccountKey, object], list[tuple[Record, bool]]] = defaultdict(list)
    by_minute: dict[tuple[AccountKey, datetime], list[tuple[Record, bool]]] = defaultdict(list)
    for record, able in leaving:
        by_name[record.address.calendar, record.address.post].append((record, able))
        by_media[record.account, record.content.media].append((record, able))
        by_minute[record.account, record.content.at.replace(second=0)].append((record, able))
    found: list[Diagnostic] = []
    tied: list[Action] = []
    for action in actions:
        if isinstance(action.step, Adopt) and any(
            record.address == action.address for record, _ in by_name.get(_name(action), ())
        ):
            stopped, finding = blocked(
                action, "tied", f"{action.address} still names a post on another account", "apply again"
            )
            tied.append(stopped)
            found.append(finding)
            continue
        if not isinstance(action.step, Create):
            tied.append(action)
            continue
        content = action.step.post.content
        names = (_name(action), *action.step.post.entry.previously)
        ties = {
            (record.address, record.account): (record, able)
            for record, able in (
                *(each for name in names for each in by_name.get(name, ())),
                *(by_media.get((action.account, content.media), ()) if content.media else ()),
                *by_minute.get((action.account, content.at.replace(second=0)), ()),
            )
        }
        stuck = sorted(key for key, (_, able) in ties.items() if not able)
        if stuck:
            stopped, finding = blocked(
                action,
                "tied",
                f"it may be the same post as {stuck[0][0]}, which cannot be cancelled now",
                f"cancel {stuck[0][0]} by hand first; if it is another post, give it another time and media",
            )
            tied.append(stopped)
            found.append(finding)
        else:
            tied.append(replace(action, waits_for=tuple(sorted({key[0] for key in ties}))))
    return tied, found


def _name(action: Action) -> tuple[str, str]:
    return (action.address.calendar, action.address.post)


def hold_back(
    actions: Sequence[Action], unusable: Mapping[AccountKey, str], missing: frozenset[AccountKey]
) -> list[Action]:
    """Block what would be posted to an account where nothing can be posted now; what only takes back goes on.

    But not what an alias has left for an account that the service does not have (`missing`): that is a slip of the
    pen, and would take all posts back and make none.
    """
    waiting = {
        action.address: unusable[action.account]
        for action in actions
        if action.account in unusable and isinstance(action.step, (Create, Update, Reschedule, Replace))
    }
    nowhere = {action.address for action in actions if action.account in missing} & waiting.keys()
    found: list[Action] = []
    for action in actions:
        held = None
        if action.account in unusable and isinstance(action.step, (Create, Update, Reschedule, Replace)):
            held = unusable[action.account]
        elif isinstance(action.step, Cancel) and action.address in nowhere:
            held = f"it stays where it is, since {waiting[action.address]}"
        found.append(action if held is None else blocked(action, "account-unusable", held, None)[0])
    return found


def give_places(
    actions: Sequence[Action], usage: Mapping[str, Usage], now: datetime
) -> tuple[list[Action], list[Diagnostic]]:
    """Creates beyond a service's places become deferred, the soonest served first; nothing is evicted."""
    deferred: dict[int, Action] = {}
    found: list[Diagnostic] = []
    for service, places in sorted(usage.items()):
        creates = [
            (action.after or now, str(action.address), index)
            for index, action in enumerate(actions)
            if isinstance(action.step, Create) and action.account.service == service
        ]
        free = max(0, places.limit - places.used)
        for at, _, index in sorted(creates)[free:]:
            action = actions[index]
            assert isinstance(action.step, Create)
            reason = f"{service} has {places.limit} places for scheduled posts and {places.used} are taken"
            deferred[index] = replace(
                action, step=Deferred(action.step.post), code="quota", reason=reason, waits_for=()
            )
            found.append(
                Diagnostic(
                    severity=Severity.ERROR if at - now <= QUOTA_URGENT else Severity.NOTE,
                    code="deferred",
                    message=f"no place for this post yet: {reason}",
                    hint="it is scheduled by a later apply, once a place is free",
                    source=action.source,
                    address=str(action.address),
                )
            )
    return [deferred.get(index, action) for index, action in enumerate(actions)], found


def wrong_keys(recorded: Recorded, observed: Observed, now: datetime) -> dict[AccountKey, str]:
    """Accounts of which more than half of the records ahead (and more than two) are missing at once.

    That is a wrong key or workspace, not drift.
    """
    ahead: dict[AccountKey, list[Address]] = defaultdict(list)
    missing: dict[AccountKey, int] = defaultdict(int)
    for address, record in recorded.records.items():
        if record.content.at <= now:
            continue
        ahead[record.account].append(address)
        sighting = observed.by_address.get(address)
        if (sighting.status if sighting else record.seen) is Status.MISSING:
            missing[record.account] += 1
    return {
        account: f"{missing[account]} of {len(addresses)} scheduled posts of account {account.id} are missing at"
        f" {account.service}: is this the right key and workspace?"
        for account, addresses in ahead.items()
        if missing[account] > 2 and missing[account] * 2 > len(addresses)
    }


def filtered(actions: Sequence[Action], filters: Filters) -> tuple[list[Action], list[Diagnostic]]:
    """The chosen actions. What has to come after one that is not chosen is blocked: a create after its cancel, and
    whatever would take an address from which a record has not moved away.
    """
    chosen = [action for action in actions if filters.choose(action.address)]
    left = (action for action in actions if not filters.choose(action.address))
    found = _held_back(chosen, {action.previous_address for action in left})
    canceled = {action.address for action in chosen if isinstance(action.step, Cancel)}
    for index, action in enumerate(chosen):
        missing = [address for address in action.waits_for if address not in canceled]
        if missing:
            chosen[index], finding = blocked(
                action,
                "tied",
                f"it waits for the cancel of {missing[0]}, which is not chosen",
                "choose both, or neither",
            )
            found.append(finding)
    return chosen, found


def _held_back(chosen: list[Action], staying: set[Address | None]) -> list[Diagnostic]:
    """Block what would take an address whose record stays, and so on for the records that stay because of it."""
    found: list[Diagnostic] = []
    while stuck := [
        index
        for index, action in enumerate(chosen)
        if action.address in staying and (action.kind.acts or action.previous_address is not None)
    ]:
        for index in stuck:
            action = chosen[index]
            staying.add(action.previous_address)
            chosen[index], finding = blocked(
                replace(action, previous_address=None),
                "tied",
                f"{action.address} still names another post, whose move is not chosen",
                "choose both, or neither",
            )
            found.append(finding)
    return found


def brake(actions: Sequence[Action], policy: Policy, scheduled: Sequence[Address]) -> tuple[int, str | None]:
    """The number of cancels that count, and why apply refuses them, if it does.

    Replaces, moves and what was unwanted on purpose (`cancel: true`, `paused: true`) do not count; `scheduled`:
    the addresses of records that are scheduled at their service.
    """
    counted = {
        action.address for action in actions if isinstance(action.step, Cancel) and not action.step.on_purpose
    }
    on_purpose = {
        action.address for action in actions if isinstance(action.step, Cancel) and action.step.on_purpose
    }
    if not counted:
        return 0, None
    number = len(counted)
    if policy.max_cancels is not None:
        most, words = float(policy.max_cancels), f"max_cancels is {policy.max_cancels}"
    else:
        share = policy.max_share or 0.0
        most = share * len(scheduled)
        words = f"max_cancels is {share * 100:g}% of {len(scheduled)} scheduled posts"
    if number > most:
        return number, f"{number} posts would be cancelled and {words}"
    staying: dict[str, int] = defaultdict(int)
    for address in scheduled:
        if address not in on_purpose:
            staying[address.calendar] += address not in counted
    emptied = sorted({address.calendar for address in counted if not staying[address.calendar]})
    if emptied:
        return number, f"every scheduled post of calendar {emptied[0]} would be cancelled ({number} in all)"
    return number, None


def many_moves(actions: Sequence[Action], scheduled: int) -> list[Diagnostic]:
    """A warning when more than half of the scheduled posts move at once: a time zone is easily mistyped."""
    moving = [
        action
        for action in actions
        if isinstance(action.step, (Reschedule, Update, Replace)) and action.before != action.after
    ]
    if len(moving) <= 2 or len(moving) * 2 <= scheduled:
        return []
    return [
        Diagnostic(
            severity=Severity.WARNING,
            code="many-moves",
            message=f"{len(moving)} of {scheduled} scheduled posts move at once",
            hint="is the time zone right?",
            source=moving[0].source,
        )
    ]


_PHASE = {
    ActionKind.FORGET: -1,
    ActionKind.MOVE: 0,
    ActionKind.ADOPT: 0,
    ActionKind.CANCEL: 1,
    ActionKind.RESCHEDULE: 2,
    ActionKind.UPDATE: 2,
    ActionKind.REPLACE: 3,
    ActionKind.CREATE: 3,
    ActionKind.DEFERRED: 4,
    ActionKind.BLOCKED: 5,
}


def in_order(actions: Sequence[Action]) -> tuple[Action, ...]:
    """The order in which apply does them: state alone, cancels, moves, then what uploads; soonest first."""
    early = datetime.min.replace(tzinfo=UTC)

    def key(action: Action) -> tuple[int, datetime, Address, AccountKey]:
        at = action.after or action.before
        return (
            _PHASE[action.kind],
            at or early,
            action.address,
            action.account,
        )

    return tuple(sorted(actions, key=key))
