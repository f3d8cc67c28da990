"""Shortcuts that save a landscape time and change its losses by rounding at most."""
