"""What stacks are made from and kept as: the catalogue, the renderer, rendered files, secrets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from looma_cli.model.edition import Edition
from looma_cli.model.layer import RenderedLayer
from looma_cli.model.render import RenderRequest
from looma_cli.model.saved_plan import SavedPlan
from looma_cli.model.tenant import LayerReference


class Catalog(Protocol):
    """Editions as data."""

    def names(self) -> list[str]:
        """Names of the editions, platform included, in the seeds' order of cost; needs no parsing of the manifests."""
        ...

    def editions(self) -> list[Edition]: ...

    def edition(self, name: str) -> Edition:
        """Raises NotFound for an unknown name, InvalidManifest for a broken manifest."""
        ...

    def support_image(self, component: str, images: str) -> str:
        """Image reference of ``edge`` or ``init`` (components of no edition); ``images`` is registry or local."""
        ...

    def validate(self, path: Path) -> list[Any]:
        """All that is wrong with one file, as problems with ``line``, ``message`` and ``file``; empty when sound."""
        ...

    def validate_all(self) -> list[Any]:
        """The same for every file of the catalogue."""
        ...


class Vault(Protocol):
    """Generates and seals secrets (Fernet under ``secret.key``)."""

    def generate(self) -> str:
        """A new password: 32 characters of [A-Za-z0-9], about 190 bits."""
        ...

    def seal(self, plain: str) -> str: ...
    def open(self, sealed: str) -> str:
        """Raises SecretUnreadable when it was sealed under another key."""
        ...

    def check_key_pair(self, chain: str, key: str) -> None:
        """Raises InvalidValue unless both are PEM, belong together and have not expired."""
        ...


class StackFiles(Protocol):
    """Rendered files of a tenant, kept per generation, and its ``override.yaml``. ``name`` is a relative path like
    ``data-g1/compose.yaml``. Writes are atomic (rename)."""

    def read(self, tenant: str, name: str) -> str | None: ...
    def write(self, tenant: str, name: str, text: str) -> None: ...
    def remove(self, tenant: str, name: str) -> None: ...
    def remove_all(self, tenant: str) -> None: ...
    def names(self, tenant: str) -> list[str]: ...
    def tenants(self) -> list[str]:
        """Names of everyone who has a file here."""
        ...

    def path(self, tenant: str, name: str) -> str:
        """Where a person finds it."""
        ...


class Renderer(Protocol):
    """Turns a tenant's record into the layers that an engine runs. Pure: no clock, no network."""

    def render(self, request: RenderRequest) -> RenderedLayer:
        """Raises RenderFailed, or InvalidManifest for a broken override."""
        ...

    def load(self, reference: LayerReference, manifest: str, secrets: Mapping[str, str]) -> RenderedLayer:
        """A layer from its manifest as it was written: ``secrets`` (name -> value) become the environment that it reads them from."""
        ...

    def digest(self) -> str:
        """Another one whenever a template is."""
        ...


class PlanFiles(Protocol):
    """Saved plans as files. Raises NotPermitted, CommandFailed (disk full)."""

    def refuse(self, file: str) -> None:
        """Raises what ``write`` would: NotFound (no such folder), AlreadyExists for a file that is no saved plan."""
        ...

    def write(self, file: str, saved: SavedPlan) -> None:
        """In place of an earlier plan, if that is there; whole or not at all, for its owner alone."""
        ...

    def read(self, file: str) -> SavedPlan:
        """Raises NotFound, InvalidValue (no saved plan), NotAllowed (written by a newer release)."""
        ...
