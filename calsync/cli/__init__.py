"""The command line: parse, call one verb, render, exit with the contract's code.

group      the commands, loaded when they are used, and the options they share
setup      from options and environment to a project and a way to print
look       validate, plan, status, accounts
comparing  what plan --base compares with
act        apply
ci         ci ..., the group
ci_plan    ci plan
ci_comment ci comment
ci_apply   ci apply
told       what a plan in CI came to, and how that is told
runner     what a run tells the CI system that it runs in
state      state ...
media      media ...
start      init, schema, sandbox
demo       the main job, told step by step
secrecy    keys that a calendar names or quotes
outputs    what goes to files, whole or not at all
printing   how things get to stdout and stderr
progress   what an apply says while it works
"""

from calsync.cli.group import run

__all__ = ["run"]
