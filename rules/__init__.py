"""What is sensitive, whose it is, and what follows. Pure: no clock, socket, log or database; only its own files."""
