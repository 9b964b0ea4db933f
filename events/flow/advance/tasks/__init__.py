"""What each kind of task does itself, one file per kind or two."""
