"""Detectors: what is not normal, learnt from features of good images alone; pure functions that know no network."""
