"""Tests of the reference service, a program of its own: `templates/images/reference`."""
