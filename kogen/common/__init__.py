"""What every package may use: each file one subject, and nothing of kogen below it."""
