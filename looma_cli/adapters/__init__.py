"""TOUCH: one file per outside thing. Foreign exceptions become ours at this edge; retries live here only."""
