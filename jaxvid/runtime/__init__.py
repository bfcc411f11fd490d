"""What a run needs of its machine: files, devices, processes, signals."""
