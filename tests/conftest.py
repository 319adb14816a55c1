"""The helpers beside this file can be imported by every test.

Hypothesis: no deadlines, since workers share processors; with CI set the same examples in every run, so that a
red build is about the change, and what failed is printed to be repeated.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")
