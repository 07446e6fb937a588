"""The cold volume: for what has no driver of its own. Its component stands still while its files are read."""

from looma_cli.adapters.datastores.volume.driver import VolumeDatastore

__all__ = ["VolumeDatastore"]
