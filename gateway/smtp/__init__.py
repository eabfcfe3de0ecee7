"""The protocol as both doors speak it: grammar, DATA, dialogue, connections, our header fields (RFC 5321)."""
