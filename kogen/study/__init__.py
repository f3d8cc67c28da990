"""Many runs: plans, splits, predictions, the pilot."""
