"""Directions: `name(at, ...) -> Plane`, two directions through the weights `at`, and what was decided about them."""
