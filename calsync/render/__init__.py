"""Text out of plans, outcomes and errors: terminal, markdown, JSON, CI annotations. Pure: no I/O, no clock."""
