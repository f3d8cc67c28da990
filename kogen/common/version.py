"""The version: part of what a run's id is made from."""

VERSION = "0.1.0"
