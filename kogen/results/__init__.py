"""Tables of results: read, brought to one form, judged."""
