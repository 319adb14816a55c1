"""calsync: content calendars in git, planned and applied.

    plan(desired, recorded, observed) -> Plan        pure
    apply(plan) -> Outcome                           the only place that changes the world

Rooms
    __main__    python -m calsync; answers --version before anything is imported
    cli         click commands: parse, call one verb, render, exit code
    errors      everything that can go wrong: Diagnostic, the error tree, exit codes
    model       the nouns: Address, Content, Post, Record, Sighting, Capabilities, and the three states
    transport   the one HTTP client: deadlines, rates, retries, redaction, error mapping
    providers   services by name: postqued, tikflow, memory and plug-ins; base says how to add one
    testing     the contract suite for providers, to be run by whoever writes one

Glossary
    desired, recorded, observed   the calendar's will; what we wrote down that we did; what the service says
    address       our stable name of one post on one account: calendar/post@account
    remote id     the service's name of it, opaque
    content       the comparable part of a post (its spec), shared by the three states
    action        one planned change of one address, with before, after and reason
    drift         observed differs from recorded: someone else changed it
    refresh       look at the world and note what is there
    adopt, forget, unmanaged      take over; stop tracking; seen but not ours
    lineage, serial               the birth mark of a state; its version
    open          an intent begun, outcome not yet known
"""

__version__ = "0.1.0"
