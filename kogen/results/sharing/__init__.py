"""Sharing: a study's tables as a bundle that another team may read, without names, paths and pictures."""
