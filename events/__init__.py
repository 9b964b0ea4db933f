"""LANGUAGE: what may be said. Pure: no I/O, no web framework, no clock."""
