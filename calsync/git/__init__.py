"""git, by its own command: no library, since git is there wherever a calendar in git is.

calls        one git command: a neutral environment, no prompt, no hook, a time limit, words that hide secrets
repository   the repository that the project is in: where, HEAD, ancestry, remotes
tree         files as they were at a commit, from git's objects
lfs          Git LFS by its own command: fetch the files behind some pointers
branch       a branch that nobody has checked out: look at one folder of it, and push a change by compare-and-swap
"""
