"""Pool pages: what the bundles of many teams say together."""
