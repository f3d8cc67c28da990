"""Images: sources opened, decoded, kept in a cache of pixels."""
