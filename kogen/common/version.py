"""The release: part of what a run's id is made from, so it changes with a release and not with a commit."""

VERSION = "0.1.0"
