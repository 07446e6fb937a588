"""KNOW: frozen nouns and the Protocols. Imports nothing of looma but ``errors`` and does no I/O."""
