"""The pure diff of three states: `plan()` and the values it answers with.

action     what a plan is made of
names      which record belongs to which entry
table      the rows, as data
verdict    from a row to an action and its words
situation  what these words are made from
scheduled, unscheduled   the words of each row
twins      unmanaged posts that may be ours already
counting   what a sighting counts as: drafts that wait, posts that nobody may touch
settling   open intents, settled by reading
changes    comparing content field by field
bundles    which creates share a request
notes      how long a plan takes, and what nobody can see
safety     ties, places, wrong keys, the brake, the order
digest     what was reviewed, in 64 hex digits
planner    all of it together
sheet      a plan as people read it, out of a plan or of its document
covering   whether what a document shows is what its digest covers
outcome    what became of the actions
checkup    what `state check` finds
"""

from calsync.plan.action import Action, ActionKind, Base, Change, Filters, MediaUse, Plan, Slot
from calsync.plan.planner import plan

__all__ = ["Action", "ActionKind", "Base", "Change", "Filters", "MediaUse", "Plan", "Slot", "plan"]
