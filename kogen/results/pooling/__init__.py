"""Pooling: what the bundles of many teams say together of methods, and of a team that is not among them."""
