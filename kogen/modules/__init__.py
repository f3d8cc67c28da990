"""Parts that methods and backbones are made of: base classes, heads, losses, teachers, queues, masks."""
