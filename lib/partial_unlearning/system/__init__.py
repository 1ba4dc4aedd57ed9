"""What the library asks of the machine: whole files, few threads, progress bars."""
