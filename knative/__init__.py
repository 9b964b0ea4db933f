"""WIRING: who hears what, and where it runs."""
