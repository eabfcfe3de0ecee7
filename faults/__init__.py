"""The fault suite: kills, cuts, fills, loses and stops, and holds the books on every message. Not part of the product.

`python -m faults` runs it; `--short` runs every n-th trial. Each fault has a control: a service with a planted mistake,
which the same books must find, or the run proves nothing and fails.
"""
