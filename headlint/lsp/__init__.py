"""The language server: diagnostics while one types, and the proof when it arrives. Needs the extra `headlint[lsp]`."""
