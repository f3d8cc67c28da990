"""Resampling the images of an item matrix: bootstraps, permutations, and large ones in several processes."""
