"""A study, which is many runs: its request, splits, plans, predictions, cost, and the pilot that does it all."""
