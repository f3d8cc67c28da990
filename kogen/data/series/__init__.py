"""Series: recordings of sensors, read from files, kept once, and cut into windows."""
