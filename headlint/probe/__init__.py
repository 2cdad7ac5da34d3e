"""The probe: asks a process that has torch what really happens, and remembers the answers."""
