"""Hand-over: a run made one model from raw image to class probabilities, its use, and whether an update is safe."""
