"""What can be asked for: settings, options of each group, and how a command becomes a configuration."""
