"""Filled forms are the text of plain rendering: what a renderer gives for the first of a shape, which it renders without a form."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from looma_cli.adapters.catalog import YamlCatalog
from looma_cli.adapters.render import JinjaRenderer, document, schema
from looma_cli.adapters.render.form import shape_of
from looma_cli.errors import RenderFailed
from looma_cli.model.edition import LAYERS, PROFILES, Edition, ImageReference
from looma_cli.model.layer import RenderedLayer
from looma_cli.model.render import RenderRequest
from looma_cli.settings import data_directory
from tests.factories import make_component, make_edition, make_mysql, make_prometheus, make_request, make_tenant

TEMPLATES = data_directory("templates")
CATALOG = YamlCatalog(data_directory("editions"))
NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,38}[a-z0-9]", fullmatch=True) | st.sampled_from(["on", "no", "rue", "t0", "a--9", "data", "init"])
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30) | st.sampled_from(["$HOME", "'\"", "a\nb", "$$", "null"])
EDITION = make_edition(
    (
        make_component(
            "user-service",
            image=ImageReference("$(registry)/$(tenant)/api:$(release)", "looma/$(tenant):1"),
            environment={
                "A": "$(tenant)",
                "B": "--$(tenant)",
                "C": "1$(tenant)",
                "D": "x:$(tenant):",
                "E": "$(tenant)\n",
                "F": "'$(tenant)",
            },
        ),
        make_component("job-service", read_only=False, secrets=("key",), command=("sh", "-c", "echo $(tenant) $x")),
        make_mysql(),
        make_prometheus(read_only=True),
    )
)


def plain(request: RenderRequest) -> RenderedLayer:
    return JinjaRenderer(TEMPLATES).render(request)


def learned(*requests: RenderRequest) -> JinjaRenderer:
    """A renderer that has a form for the shapes of these requests."""
    renderer = JinjaRenderer(TEMPLATES)
    for request in (*requests, *requests):
        renderer.render(request)
    return renderer


def of_other(request: RenderRequest, name: str, number: int = 20000, **changes: Any) -> RenderRequest:
    """The request of another tenant of the same shape."""
    ports = tuple(replace(port, host_port=number + place, tenant=name) for place, port in enumerate(request.tenant.ports))
    subnets = tuple(replace(subnet, cidr=f"10.193.{number % 256}.0/26", tenant=name) for subnet in request.tenant.subnets)
    return replace(request, tenant=replace(request.tenant, name=name, ports=ports, subnets=subnets, **changes))


BASE = {layer: make_request(layer, edition=EDITION, tenant=make_tenant(EDITION)) for layer in LAYERS}
FORMS = learned(*BASE.values())


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(LAYERS), NAMES, st.integers(1024, 60000), TEXT, st.integers(30000, 31999), st.text("Aa0", min_size=1, max_size=32))
def test_any_tenant_of_a_shape_gets_the_plain_text(layer: str, name: str, number: int, title: str, port: int, secret: str) -> None:
    made = datetime(2026, 2, 3, 4, 5, number % 60, tzinfo=UTC)
    request = of_other(BASE[layer], name, number, display_name=title, hostname=f"{name}.example", public_port=port, created_at=made)
    request = replace(request, secrets={key: secret + key for key in request.secrets})
    assert FORMS.render(request) == plain(request)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("edition", CATALOG.names())
def test_every_edition_is_filled_in_as_it_is_rendered(edition: str, profile: str) -> None:
    noun = CATALOG.edition(edition)
    requests = [make_request(layer, edition=noun, tenant=make_tenant(noun, profile=profile)) for layer in LAYERS]
    renderer = learned(*requests)
    for request in (of_other(request, "other-1") for request in requests):
        filled = renderer.render(request)
        assert filled == JinjaRenderer(TEMPLATES).render(request)
        assert schema.problem(yaml.load(filled.manifest, Loader=yaml.CSafeLoader)) is None


def test_a_form_is_used_from_the_third_tenant_on() -> None:
    class Counting(JinjaRenderer):
        plain = 0

        def _plainly(self, request: RenderRequest) -> RenderedLayer:
            self.plain += 1
            return super()._plainly(request)

    renderer = Counting(TEMPLATES)
    for number in range(5):
        renderer.render(of_other(BASE["app"], f"tenant-{number}"))
    assert renderer.plain == 2


@pytest.mark.parametrize("name", sorted(word for word in document.RESERVED if len(word) > 1))
def test_names_that_are_reserved_words_are_quoted(name: str) -> None:
    request = of_other(BASE["app"], name)
    assert shape_of(request) is None
    labels = yaml.load(FORMS.render(request).manifest, Loader=yaml.CSafeLoader)["services"]["user-service"]["labels"]
    assert labels["looma.tenant"] == name


@pytest.mark.parametrize(
    "changes",
    [
        {"release": "1.4.1"},
        {"images": "local"},
        {"settings": {"LEVEL": "debug"}},
        {"port_policy": "block"},
        {"address": "198.51.100.9"},
        {"platform": True},
    ],
    ids=str,
)
def test_what_else_differs_is_in_the_text(changes: dict[str, Any]) -> None:
    for layer in LAYERS:
        request = of_other(BASE[layer], "other-2", **changes)
        assert FORMS.render(request) == plain(request)


@pytest.mark.parametrize(
    "changes",
    [{"installation": "ba9876543210"}, {"registry": "elsewhere.example"}, {"start_interval": False}, {"hard_limits": False}],
    ids=str,
)
def test_another_place_is_another_shape(changes: dict[str, Any]) -> None:
    for layer in LAYERS:
        request = replace(of_other(BASE[layer], "other-3"), **changes)
        assert FORMS.render(request) == plain(request)


def test_an_override_is_merged_into_the_plain_layer() -> None:
    request = replace(of_other(BASE["app"], "other-4"), override="services: {user-service: {environment: {G: h}}}\n")
    assert yaml.load(FORMS.render(request).manifest, Loader=yaml.CSafeLoader)["services"]["user-service"]["environment"]["G"] == "h"


def test_what_a_tenant_lacks_is_named_as_ever() -> None:
    request = of_other(BASE["app"], "other-5")
    without = {name: value for name, value in request.secrets.items() if name != "mysql_password"}
    for broken in (
        replace(request, secrets=without),
        replace(request, tenant=replace(request.tenant, ports=())),
        replace(request, tenant=replace(request.tenant, subnets=())),
    ):
        with pytest.raises(RenderFailed) as filled:
            FORMS.render(broken)
        with pytest.raises(RenderFailed) as rendered:
            plain(broken)
        assert str(filled.value) == str(rendered.value)


def test_an_edition_that_was_changed_is_rendered_anew() -> None:
    changed: Edition = replace(EDITION, components=tuple(replace(c, stop_grace_seconds=99) for c in EDITION.components))
    request = replace(of_other(BASE["app"], "other-6"), edition=changed)
    assert FORMS.render(request) == plain(request)


def test_a_form_that_does_not_give_the_plain_text_is_not_used(tmp_path: Any) -> None:
    """A template that looks into the tenant's name, which no form can follow."""
    for path in TEMPLATES.rglob("*.j2"):
        copy = tmp_path / path.relative_to(TEMPLATES)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    layer = tmp_path / "layers" / "layer.json.j2"
    text = layer.read_text(encoding="utf-8")
    layer.write_text(text.replace('"restart": "unless-stopped"', '"restart": {{ (layer.project | upper) | tojson }}'), encoding="utf-8")
    renderer = JinjaRenderer(tmp_path)
    for number in range(4):
        request = of_other(BASE["app"], f"tenant-{number}")
        assert f"restart: LOOMA-TENANT-{number}-APP-G1" in renderer.render(request).manifest
