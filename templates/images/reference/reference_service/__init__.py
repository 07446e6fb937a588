"""looma's reference service: a small real service over the datastores of a tenant.

It is what the demo and the tests run in place of a provider's own images, and an example of everything an app image
must do (the README beside this package lists it).
"""

__version__ = "1.0.0"
