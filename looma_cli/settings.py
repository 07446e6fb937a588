"""Where things live and the few knobs: flag, then ``LOOMA_…`` in the environment, then ``config.toml``, then the default.

Read by wiring only. ``looma doctor --settings`` shows each value with its source.
"""
