"""Boxes and their numbers, without torch: which box found which, average precision, false alarms an image."""
