"""Data sets: `name(...) -> Images`, pixels with content ids, labels where known, and what was skipped and why."""
