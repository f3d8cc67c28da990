"""Trackers: the numbers and files of runs, kept by tools that people look at them with; none is on by default."""
