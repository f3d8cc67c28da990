"""Statistics over studies: what several sites say together, and of a site that is not among them."""
