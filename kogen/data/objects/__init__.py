"""Objects as sources of images: arrays, tensors, data sets, frames; a file a kind, `door` the one way in."""
