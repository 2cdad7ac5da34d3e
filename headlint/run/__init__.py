"""What the command line, the library and editors share: a run over files, as configured."""
