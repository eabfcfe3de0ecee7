"""The audit log: append, chain, verify, one exporter per format. No value of a message; no record ever changes."""
