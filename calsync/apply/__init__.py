"""Carry out a plan: the only place that changes the world.

run       the order of things: state, cancels, moves, uploads and creates
writes    one action at a time, write-ahead
looking   what a write has done whose answer was lost
together  several creates in one request
uploads   once per content, streamed from disk
"""

from calsync.apply.run import Hands, Watcher, carry_out, pointers, send_again

__all__ = ["Hands", "Watcher", "carry_out", "pointers", "send_again"]
