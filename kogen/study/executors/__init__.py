"""Who works on the runs of a study: processes of this machine."""
