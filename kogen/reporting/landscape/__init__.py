"""The page of a landscape."""
