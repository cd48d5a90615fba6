"""Plugins that Hydra finds by itself. `hydra_plugins` is a namespace that other packages share."""
