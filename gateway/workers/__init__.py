"""Confined workers: the warm parent that forks them, the walls around them, what is said between them and the service."""
