"""calsync: content calendars in git, planned and applied.

    plan(desired, recorded, observed) -> Plan        pure
    apply(plan) -> Outcome                           the only place that changes the world

Rooms, from the ground up; who may enter which stands in tests/test_architecture.py
    errors       everything that can go wrong: Diagnostic, the error tree, exit codes
    interrupts   Ctrl-C and SIGTERM, from the first import to the last word
    model        the nouns: Address, Content, Post, Record, Sighting, Capabilities, and the three states

    What people write
    inside       a path of the project -> an open file, without ever leaving the project
    textfile     a text file: read within bounds, decoded, shown without surprises
    zones        times as people write them, and the one zone database they are read with
    syntax       what the parser's complaints mean for a person
    pureyaml     PyYAML's parser without libyaml, held to libyaml's rules
    nodes        what a YAML document is made of: text, mappings, lists, each with its place
    document     YAML text -> data and positions, in one pass over the parser's events
    fields       kinds of values: the text as written -> its type, or what was expected
    options      what each platform's posts can be told: one model per platform
    replies      the thread of a post, as a calendar spells it
    schema       what may be written in project file and calendars, as models
    editors      the same as JSON Schema, for editors
    reading      a document held against a model: every problem at its own line
    merging      one post on one account, put together from its four levels
    building     one post on one account -> its entry
    entries      one calendar file -> its entries
    finding      the project file's globs -> which files are calendars
    schemas      a JSON Schema that a service wrote -> one that is finite, small and without references
    networks     options as written -> options as a network takes them, by the service's schema of it
    desired      the calendars of a project -> desired state
    editing      change one key of a person's YAML file and nothing else
    starter      a starter project, for `calsync init`
    workflows    the CI workflows of three forges, for `calsync init --ci`
    environment  keys, addresses, and where a run takes place
    accounts     the project file's accounts: which alias means which account of which service
    settings     the project file -> Settings
    media        local media files: open safely, digest, probe, Git LFS pointers, media.lock
    rules        checks on desired state: one small function per rule

    What we wrote down
    statefile    how records, open intents and names are spelled as JSON
    books        the state in memory, and its two forms as bytes: a snapshot and a journal
    git          git by its own command: the repository around a project, and a branch that nobody checks out
    stores       where state lives: file, git, memory; base says how to add one
    recorded     reading the state, and the ledger, its one writer

    What the services say and do
    transport    the one HTTP client: deadlines, rates, retries, redaction, error mapping
    providers    services by name: postqued, tikflow, memory and plug-ins; base says how to add one
    benches      what the contract suite works on: a service on a bench, and files to upload
    testing      the contract suite for providers, to be run by whoever writes one
    binding      the aliases of the project file -> the accounts that the services have
    observed     refresh: ask the services, match what they show to addresses

    Where calendars are reviewed
    forges       the forge of a CI run: where it takes place, comments, issues, branches; GitHub, GitLab, Forgejo

    The verbs
    plan         the pure diff of three states: decision table, safety, order, digest
    planfile     a plan document, read back: for `apply PLANFILE`, and to be shown without its project
    apply        carry out a plan: write-ahead, bounded, resumable
    reconcile    validate, plan, apply, status, accounts, state: each a page
    render       plans, outcomes and errors as text: terminal, markdown, JSON, CI annotations
    sandbox      a loopback double of the services, with faults to order and a clock to move
    cli          click commands: parse, call one verb, render, exit code
    __main__     python -m calsync; answers --version before anything is imported

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
