"""A tool on a host of the next machine version, beside hosts of this one."""
