"""Statistics: `name(table, **settings) -> table`, seeded, numpy and scipy only, no torch."""
