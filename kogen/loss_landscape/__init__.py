"""The loss around trained weights: directions, grids, curvature."""
