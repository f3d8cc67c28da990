"""kogen: which self-supervised vision model to bet on, and whether its lead survives outside the benchmark it won."""
