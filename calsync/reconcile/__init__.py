"""The verbs: validate, plan, apply, status, accounts, state; each reads as what it does.

project    what they work on: files, services, store and clock, all handed in
look       validate, and one look at all three states with the plan that comes of it
channels   what services say of the accounts' networks: options typed, texts measured
fetching   media in Git LFS: fetched once a plan is approved, and looked into before anything is written
namesakes  the guard against a copy of the project in the same repository
older      the guard against applying a commit older than the one last applied
apply      plan, compare with what was reviewed, ask, carry out
status     how every managed post stands; which accounts there are
state      mend what is recorded, without a write at a service
check      hold what is recorded against the services
"""
