"""Surfaces from points, in numpy alone: interpolation, several levels, numbers of a shape."""
