"""What was asked: a Study, the whole question, and a Plan, one run of it."""
