"""The local image set: what it is made of, when it must be made again, making it, and carrying images to where no registry answers.

``specification`` reads the directories of ``templates/images``, ``context`` tells whether one has changed, ``machine`` what a build
takes from this machine, ``docker`` runs the docker command, ``builder`` makes the images in the order of their dependencies.
"""

from looma_cli.adapters.images.builder import BuildResult, ImageBuilder
from looma_cli.adapters.images.specification import ImageSpecification

__all__ = ["BuildResult", "ImageBuilder", "ImageSpecification"]
