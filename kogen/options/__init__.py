"""What each verb may be asked: the one place of every option, its type, default, help and group; no torch here."""
