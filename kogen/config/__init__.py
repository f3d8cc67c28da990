"""What a user asks: a Study, the whole question, and a Plan, one run of it."""
