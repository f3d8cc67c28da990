"""Directions: `name(at, ...) -> Plane`, two directions through the weights `at` and facts about them."""
