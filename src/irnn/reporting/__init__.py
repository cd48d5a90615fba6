"""Reports on run folders; nothing here can train."""
