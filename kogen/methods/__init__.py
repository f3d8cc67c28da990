"""Methods: one final `Method` a file; `forward(views)` returns the named, weighted terms of its loss."""
