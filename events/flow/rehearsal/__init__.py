"""Rehearsals: a flow played in virtual time, its tools' answers given, as tests of flows do.

`stage` drives the state machine as hosts and the clock would, on a clock of its own; `script` is
what a test file says and `recording` which answers there are; `judgement` compares what happened
with what was expected.
"""
