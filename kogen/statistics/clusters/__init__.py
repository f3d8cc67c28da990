"""Clusters of unequal sizes: critical values of one difference, and of the largest of many."""
