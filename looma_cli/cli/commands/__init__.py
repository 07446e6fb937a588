"""One module per noun: what ``looma NOUN`` does. Each has an object ``noun``."""
