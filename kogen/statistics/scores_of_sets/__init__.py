"""What the statistics over several sets share: scores as a matrix, their noise, pairs of models."""
