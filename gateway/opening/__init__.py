"""Part to text and tables: one file per family of formats, called through one registry."""
