"""The review room: where a second person looks, and decides. It never shows a value unmasked."""
