"""Metrics: one file each, from the answers to the images of a set to a value and what each image adds to it."""
