"""DO: one small frozen dataclass per deed, ``do`` beside ``undo``."""
