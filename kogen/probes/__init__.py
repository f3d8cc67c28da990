"""Probes: `name(train, test, **settings) -> Predictions`, pure functions of features that know no network."""
