"""The page of a lottery."""
