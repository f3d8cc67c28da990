"""What a landscape need not compute again."""
