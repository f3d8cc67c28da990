"""Boxes in a study: its sets, its detectors, what they cost."""
