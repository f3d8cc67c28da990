"""The shelf of trackers: a file is a name that `--tracker` takes."""
