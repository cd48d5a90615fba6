"""Run folders: what is recorded, and how nothing is lost."""
