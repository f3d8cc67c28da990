"""The decision: what a page says first, drawn from the judgement alone."""
