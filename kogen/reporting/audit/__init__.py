"""The audit of a study: its judgement made again from the tables, its records checked, all that it rests on listed."""
