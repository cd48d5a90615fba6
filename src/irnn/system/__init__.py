"""The machine and its screen: files, processes, cores, memory, and text that is written somewhere."""
