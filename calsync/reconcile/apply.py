"""The verb apply: plan, compare with what was reviewed, ask, carry out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from calsync.apply import Hands, Watcher, carry_out, send_again
from calsync.errors import CalsyncError, LineageMismatch, StalePlan, UnsafePlan
from calsync.interrupts import StopSign
from calsync.model import IntentKind, Open, Recorded
from calsync.observed import Refresh
from calsync.plan import ActionKind, Filters, Plan
from calsync.plan.digest import line, lines
from calsync.plan.outcome import Outcome, OutcomeKind
from calsync.plan.settling import Settled, resendable, settle
from calsync.reconcile.fetching import fetch, looked_into, need_media
from calsync.reconcile.look import View, look, recognisable, valid
from calsync.reconcile.namesakes import refuse_namesakes
from calsync.reconcile.older import refuse_older
from calsync.reconcile.project import Project
from calsync.recorded import Ledger, went_back
from calsync.stores.base import Holder, Waiting, unheard


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """The plan that was reviewed: its digest (8 digits or more) and, from a plan file, its lines.

    `lineage` and `serial`: the state that a plan file was made with; without a lineage there was none.
    """

    digest: str
    lines: tuple[str, ...] | None = None
    lineage: str = ""
    serial: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What an apply came to: the plan and one outcome per action; `declined`: a person said no."""

    plan: Plan
    outcomes: tuple[Outcome, ...] = ()
    declined: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """How an apply is to be done.

    `approve` is shown the plan, with the number of creates that would be sent again, and answers whether to go
    on; it may raise. `begin` is called before the first write: a run that ends earlier has changed nothing.
    `lock_timeout` in seconds.
    """

    filters: Filters
    approve: Callable[[Plan, int], bool]
    begin: Callable[[], None] = lambda: None
    holder: Holder
    stop: StopSign
    watcher: Watcher
    expected: Expected | None = None
    allow_cancels: int = 0
    lock_timeout: float = 0.0
    allow_older: bool = False
    waiting: Waiting = unheard
    """Told who is waited for."""


def apply(project: Project, orders: Orders) -> Applied:
    """Make the services agree with the calendars.

    Raises what `make_plan` raises, StalePlan, UnsafePlan, StateLocked, LineageMismatch, StateWentBack; nothing was
    sent then.
    """
    lineage = project.settings.project
    refuse_namesakes(project)
    with (
        Ledger.hold(
            project.store,
            orders.holder,
            project=lineage,
            timeout=orders.lock_timeout,
            create=lineage is None,
            waiting=orders.waiting,
        ) as ledger,
        project.services() as services,
        # Where a service counts by the hour, a run may sleep for longer than its hold on the state is sure.
        orders.stop.guarded(project.store.confirm),
    ):
        if orders.expected is not None:
            _same_state(orders.expected, ledger.recorded, project.store.where)
        if not orders.allow_older:
            refuse_older(project, ledger.recorded)
        checked = valid(project)
        view = look(project, services, checked, ledger.recorded, orders.filters, Refresh.AUTO)
        recognisable(project, view)
        if orders.expected is not None:
            _compare(orders.expected, view)
        if view.plan.brake is not None and view.plan.cancels > orders.allow_cancels:
            raise _braked(view.plan)
        needed = need_media(view, project)
        again = _to_send_again(project, view)
        if not orders.approve(view.plan, len(again)):
            return Applied(plan=view.plan, declined=True)
        if needed:
            orders.watcher.fetching(needed)
            fetch(needed, project)
            view = looked_into(view, project, services)
        orders.begin()
        hands = Hands(
            ledger=ledger,
            providers=services.providers,
            root=project.settings.root,
            policy=project.settings.policy,
            now=project.now,
            stop=orders.stop,
            watcher=orders.watcher,
        )
        _write_down(ledger, view)
        commit = project.commit()
        if commit is not None:
            # Before the first write: also what a run did that was cut short is not for an older one to undo.
            ledger.note_commit(commit.id)
        if again:
            send_again(again, hands)
            view = _no_more_than(view.plan, view.again(ledger.recorded))
        return _execute(view, hands, _kept(orders.expected, view))


def _same_state(expected: Expected, recorded: Recorded, where: str) -> None:
    """The state is the one that the plan was made with, or a later version of it.

    Raises LineageMismatch, StateWentBack.
    """
    if expected.lineage not in ("", recorded.lineage):
        raise LineageMismatch(
            f"the plan was made with a state of lineage {expected.lineage}, and {where} is not of it;"
            " nothing was sent",
            hint=f"bring {where} back; if this one is right, plan again and review that",
        )
    if expected.lineage and recorded.serial < expected.serial:
        hint = f"bring the newer {where} back; if the older one is meant, plan again and review that"
        raise went_back(
            where, recorded.serial, "the state that the plan was made with", expected.serial, hint
        )


def _compare(expected: Expected, view: View) -> None:
    """The plan is the one that was expected, or what is left of an apply of it that was cut short."""
    if view.plan.digest.startswith(expected.digest) or _kept(expected, view) is not None:
        return
    now = set(view.plan.lines)
    if expected.lines is None:
        differing = [f"now planned: {_short(line)}" for line in sorted(now)]
    else:
        before = set(expected.lines)
        differing = [f"no longer: {_short(line)}" for line in sorted(before - now)]
        differing += [f"new: {_short(line)}" for line in sorted(now - before)]
    listed = "\n  ".join(differing) or "there is nothing to do any more"
    raise StalePlan(
        f"plan {expected.digest[:8]} was expected, but it is {view.plan.digest[:8]} now; nothing was sent:\n  {listed}",
        hint=f"review the plan again, then: calsync apply --expect {view.plan.digest[:8]}",
    )


def _kept(expected: Expected | None, view: View) -> tuple[str, tuple[str, ...]] | None:
    """The apply of the expected digest that was cut short and of which only a part is left to do."""
    left = view.recorded.unfinished
    if expected is None or left is None or not left.digest.startswith(expected.digest):
        return None
    allowed = {_essence(line) for line in left.lines}
    if any(_essence(line) not in allowed for line in view.plan.lines):
        return None
    return left.digest, left.lines


def _essence(line: str) -> str:
    """A line without what a half-done replace loses: the create that is left of it counts as the same."""
    kind, _, rest = line.partition(" ")
    if kind not in (ActionKind.CREATE.value, ActionKind.REPLACE.value):
        return line
    before, _, after = rest.partition(',"remote_id":')
    return f"make {before}{after.partition(',')[2]}"


def _short(line: str) -> str:
    return " ".join(line.split(None, 2)[:2])


def _braked(planned: Plan) -> CalsyncError:
    return UnsafePlan(
        f"{planned.brake}; nothing was sent",
        hint=f"if that is meant: calsync apply --allow-cancels {planned.cancels}",
    )


def _to_send_again(project: Project, view: View) -> tuple[Open, ...]:
    """Open creates that reading did not settle and whose key still protects them."""
    settled = _settled(view).recorded
    posts = {post.address: post for post in view.ground.desired.posts}
    now = project.now()
    soon = now + project.settings.policy.lead_time
    return tuple(
        opening
        for address, opening in sorted(settled.opens.items())
        if opening.account.service in view.ground.abilities
        and opening.account.service not in view.plan.halted
        and resendable(opening, posts.get(address), view.ground.abilities[opening.account.service], now, soon)
    )


def _write_down(ledger: Ledger, view: View) -> None:
    """Record what reading settled and what was seen; the plan was made with it already."""
    settled = _settled(view)
    again = {action.address for action in view.plan.actions if action.kind is ActionKind.CREATE}
    keyed = {
        address
        for address, opening in view.recorded.opens.items()
        if opening.kind is IntentKind.CREATE
        and opening.account.service in view.ground.abilities
        and view.ground.abilities[opening.account.service].key_life is not None
    }
    for closing in settled.closings:
        # What never happened and is created now keeps its intent, and with it the key.
        absent = closing.record == view.recorded.records.get(closing.address)
        if not absent or closing.address not in again & keyed:
            ledger.settle(closing.address, record=closing.record)
    for opening in settled.cleared:
        if opening.address not in again & keyed:
            ledger.begin(opening)
    ledger.put(*view.plan.refreshed)


def _settled(view: View) -> Settled:
    """What reading settled. A service that decides nothing settles nothing: a wrong key shows no post, either."""
    trusted = replace(view.observed, unreadable=view.plan.halted)
    return settle(view.recorded, trusted, view.ground.abilities, view.plan.created_at)


def _no_more_than(approved: Plan, view: View) -> View:
    """Settling may free what was blocked; what nobody has seen in the plan waits for the next apply."""
    allowed = set(approved.lines)
    seen = tuple(action for action in view.plan.actions if line(action) is None or line(action) in allowed)
    return replace(view, plan=replace(view.plan, actions=seen, lines=lines(seen)))


def _execute(view: View, hands: Hands, kept: tuple[str, tuple[str, ...]] | None) -> Applied:
    """Carry out the plan; an apply that does not come to its end leaves its digest behind."""
    plan, ledger = view.plan, hands.ledger
    if plan.lines:
        ledger.unfinished(*(kept or (plan.digest, plan.lines)))
    if plan.acts or plan.refreshed:
        ledger.note_policy(hands.policy.to_json())
    outcomes = carry_out(plan, hands)
    if _all_done(plan, outcomes):
        ledger.finished()
    return Applied(plan=plan, outcomes=outcomes)


def _all_done(plan: Plan, outcomes: Sequence[Outcome]) -> bool:
    return all(
        outcome.kind is OutcomeKind.DONE
        for action, outcome in zip(plan.actions, outcomes, strict=True)
        if action.kind.writes
    )
