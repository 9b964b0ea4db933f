"""WORK: who acts. Each folder is one tool or one service, all over the same host."""
