"""The options of each verb, each written once: its type, default, help and group; no torch here."""
