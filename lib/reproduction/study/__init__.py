"""Experiments: a profile's resolved configuration in, a stored result with provenance out."""
