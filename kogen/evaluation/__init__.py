"""What frozen features are worth: features, probes, rows of predictions."""
