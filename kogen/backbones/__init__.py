"""Backbones: `name(**settings) -> Backbone`, an image batch (B, C, S, S) in, features (B, D) out."""
