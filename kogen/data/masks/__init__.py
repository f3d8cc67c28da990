"""Masks: which pixels of an image are not normal."""
