"""What may happen to an image before a network sees it: views, crops, operations, corruptions."""
