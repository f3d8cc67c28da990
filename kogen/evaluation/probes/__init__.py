"""Probes: `name(train, test, *, device, ...) -> Predictions`, pure functions of features that know no network."""
