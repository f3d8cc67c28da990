"""Report: tables in, sentences, figures and one page out; no torch."""
