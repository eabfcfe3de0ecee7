"""The steps from one version of the store to the next. A released one never changes."""
