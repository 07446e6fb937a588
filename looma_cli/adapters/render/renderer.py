"""The Renderer over Jinja2 templates: fill in, read back, merge the tenant's override, check against the compose schema, write."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, TemplateError

from looma_cli.adapters.render import document, override, schema
from looma_cli.adapters.render.form import Form, Shape, form_of, shape_of
from looma_cli.adapters.render.layer import view_of
from looma_cli.adapters.render.literal import as_compose, as_json
from looma_cli.adapters.render.view import LayerView
from looma_cli.errors import RenderFailed
from looma_cli.model.edition import ImageReference
from looma_cli.model.layer import RenderedLayer
from looma_cli.model.render import RenderRequest
from looma_cli.model.tenant import LayerReference

LAYER = "layers/layer.json.j2"
INIT_IMAGE = ImageReference(registry="busybox:1.37", local="looma/base:bookworm")


class JinjaRenderer:
    """Renders layers from the folder ``templates``. Templates are read once; the same request gives the same bytes."""

    def __init__(self, templates: Path, init_image: ImageReference = INIT_IMAGE) -> None:
        self._templates = templates
        self._init_image = init_image
        self._layers = _environment(templates, as_compose)
        self._configs = _environment(templates / "config", as_json)
        self._seen: set[Shape] = set()
        self._forms: dict[Shape, Form] = {}

    def render(self, request: RenderRequest) -> RenderedLayer:
        """Raises RenderFailed, ImageUnavailable, or InvalidManifest for a broken override."""
        shape = shape_of(request)
        form = self._forms.get(shape) if shape else None
        if form is not None:
            with suppress(KeyError):  # a secret that is not there: plain rendering says which
                return form.filled(request)
        rendered = self._plainly(request)
        if shape and form is None:
            self._learn(shape, request, rendered)
        return rendered

    def digest(self) -> str:
        """Over every template, but for the sources of images."""
        found = hashlib.sha256()
        for path in sorted(self._templates.rglob("*")):
            name = path.relative_to(self._templates).as_posix()
            if path.is_file() and not name.startswith("images/"):
                content = path.read_bytes()
                found.update(f"{name}\n{len(content)}\n".encode() + content)
        return found.hexdigest()

    def _plainly(self, request: RenderRequest) -> RenderedLayer:
        view = self._view(request)
        manifest = self._document(view)
        if request.override:
            manifest = override.apply(manifest, request, view.network_labels)
            _check(manifest)
        manifest = _filled_parts(manifest)
        return RenderedLayer(
            reference=request.reference,
            manifest=document.write(manifest, request.tenant.name, view.project),
            secrets={variable: request.secrets[name] for name, variable in view.secrets.items()},
            images=document.images(manifest),
        )

    def _learn(self, shape: Shape, request: RenderRequest, rendered: RenderedLayer) -> None:
        """From the second request of a shape on there is a form for it: a single one would pay for nothing."""
        if shape not in self._seen:
            self._seen.add(shape)
            return
        form = form_of(request, self._view, lambda view: _filled_parts(self._document(view)))
        if form.filled(request) == rendered:
            self._forms[shape] = form

    def _view(self, request: RenderRequest) -> LayerView:
        return view_of(request, self._init_image, self._config)

    def _document(self, view: LayerView) -> dict[str, Any]:
        manifest = document.read(_fill(self._layers, LAYER, {"layer": view}))
        _check(manifest)
        return manifest

    def load(self, reference: LayerReference, manifest: str, secrets: Mapping[str, str]) -> RenderedLayer:
        """See Renderer. Raises RenderFailed when the text is no layer of looma's."""
        layer = _parsed(reference, manifest)
        variables = {name: secret["environment"] for name, secret in layer.get("secrets", {}).items()}
        missing = sorted(set(variables) - set(secrets))
        if missing:
            raise RenderFailed(f"{reference.project} needs the secret {missing[0]}, which the state lacks", "looma state audit")
        values = {variable: secrets[name] for name, variable in variables.items()}
        return RenderedLayer(reference, manifest, values, document.images(layer))

    def _config(self, template: str, scope: Mapping[str, object]) -> str:
        return _fill(self._configs, template, scope)


def _environment(folder: Path, literal: Callable[[Any], str]) -> Environment:
    """``tojson`` is the way for a value into a template, so it is replaced by the one that suits the target."""
    environment = Environment(
        loader=FileSystemLoader(folder), undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True, auto_reload=False
    )
    environment.filters["tojson"] = literal
    return environment


def _fill(environment: Environment, name: str, scope: Mapping[str, object]) -> str:
    try:
        template: Template = environment.get_template(name)
        return template.render(scope)
    except (TemplateError, TypeError, ValueError, LookupError) as error:
        raise RenderFailed(f"template {name}: {type(error).__name__}: {error}", "mend the template, or install looma again") from error


def _check(manifest: dict[str, Any]) -> None:
    problem = schema.problem(manifest)
    if problem:
        raise RenderFailed(f"the rendered layer is not a valid compose file: {problem}", "mend templates/layers")


def _parsed(reference: LayerReference, manifest: str) -> dict[str, Any]:
    import yaml

    try:
        layer = yaml.load(manifest, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise RenderFailed(
            f"the rendered file of {reference.project} is damaged: {error}", "looma tenant update renders it again"
        ) from error
    if not isinstance(layer, dict) or layer.get("name") != reference.project or "services" not in layer:
        raise RenderFailed(f"the rendered file of {reference.project} is damaged", "looma tenant update renders it again")
    return layer


def _filled_parts(manifest: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in manifest.items() if value}
