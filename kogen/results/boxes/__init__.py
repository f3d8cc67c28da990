"""Tables of boxes: one row an image and box, and the numbers of detectors with their intervals that come from it."""
