"""Confined workers: their warm parent, the walls around them, what they and the service say to each other."""
