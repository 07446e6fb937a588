"""Editions as data: the catalog reads manifests and component files from a folder. Importing this imports no YAML library."""

from looma_cli.adapters.catalog.folder import YamlCatalog
from looma_cli.adapters.catalog.problems import Problem

__all__ = ["Problem", "YamlCatalog"]
