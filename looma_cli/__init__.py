"""looma: one private Zervigo stack per customer, from one terminal.

The package is five places, and no function is in two of them:

* ``cli`` says, ``plan`` decides, ``runner`` and ``steps`` do, ``adapters`` touch, ``model`` is known to all.

``usecases`` has one method per verb (observe, plan, run, report); ``wiring`` is the only module that imports adapters.
"""

__version__ = "0.1.0"
