"""One run: the loop, its batches, its optimisers, its checkpoints."""
