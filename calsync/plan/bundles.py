"""Which creates go out with one request, where a service takes several of one time together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from calsync.model import Capabilities, Options, Post
from calsync.plan.action import Action, Create


def bundles(
    actions: Sequence[tuple[int, Action]], abilities: Mapping[str, Capabilities]
) -> tuple[tuple[tuple[int, Action], ...], ...]:
    """The actions, by index, in their order; creates that may share a request stand together with the first of them.

    They share service, workspace, time, intent and the options that a request has once, and wait for no cancel.
    """
    found: list[list[tuple[int, Action]]] = []
    open_ones: dict[object, list[tuple[int, Action]]] = {}
    for index, action in actions:
        post = _lone(action, abilities)
        if post is None:
            found.append([(index, action)])
            continue
        can, content = abilities[action.account.service], post.content
        shared = Options({name: content.options[name] for name in can.shared if name in content.options})
        key = (action.account.service, post.account.workspace, content.at, content.intent, shared)
        bundle = open_ones.get(key)
        if bundle is None or len(bundle) >= can.together:
            bundle = open_ones[key] = []
            found.append(bundle)
        bundle.append((index, action))
    return tuple(map(tuple, found))


def _lone(action: Action, abilities: Mapping[str, Capabilities]) -> Post | None:
    """The post of a create that depends on nothing else; an upload that belongs to one post goes with it alone."""
    can = abilities.get(action.account.service)
    if can is None or can.together < 2 or can.one_schedule_per_asset or action.waits_for:
        return None
    return action.step.post if isinstance(action.step, Create) else None
