"""Speech: all that is said to a person or a program while a verb runs: events, sentences, bars, failures."""
