"""What is sensitive, whose it is, and what follows. Pure: no clock, socket, log or database; reads its own files only."""
