"""What any program needs: errors, whole files, signals, memory, ports."""
