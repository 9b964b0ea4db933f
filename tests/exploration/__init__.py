"""A small model checker of the hop protocol."""
