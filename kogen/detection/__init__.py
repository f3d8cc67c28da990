"""Detection: detectors trained on boxes from several starts, and judged by what they find."""
