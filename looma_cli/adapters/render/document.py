"""Compose documents as text: read with libyaml, written in block style."""

from __future__ import annotations

from typing import Any

import yaml

from looma_cli.errors import RenderFailed

_HEADER = (
    "# rendered by looma for tenant {tenant} ({project})\n"
    "# edit override.yaml instead: this file is rewritten\n"
)  # fmt: skip


class _Dumper(yaml.CSafeDumper):
    """Writes every value out, without anchors: a file for people."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.CSafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def read(text: str) -> dict[str, Any]:
    """What a template has written. Raises RenderFailed when it is not one YAML mapping."""
    try:
        document = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise RenderFailed(f"the layer template does not give YAML: {_one_line(error)}", "mend templates/layers") from error
    if not isinstance(document, dict):
        raise RenderFailed("the layer template does not give a mapping", "mend templates/layers")
    return document


def write(document: dict[str, Any], tenant: str, project: str) -> str:
    """The document as the file that people see. The same document gives the same text."""
    body = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return _HEADER.format(tenant=tenant, project=project) + body


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
