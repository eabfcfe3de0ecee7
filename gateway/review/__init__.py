"""The review room: where a second person looks, and decides. It shows values only for a reason that is on record."""
