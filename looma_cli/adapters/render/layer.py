"""From a request to the view of a layer: which services, with which values. Pure; the templates decide how it is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from looma_cli.adapters.render import holdings, labels
from looma_cli.adapters.render.delivery import SHARED, Delivery, Given, config_name, deliver
from looma_cli.adapters.render.placeholders import resolve, secrets_in, values_for, values_of
from looma_cli.adapters.render.view import Fingerprint, InitView, LayerView, Mount, ServiceView
from looma_cli.errors import RenderFailed
from looma_cli.model.edition import Component, ImageReference
from looma_cli.model.render import RenderRequest

RenderConfig = Callable[[str, Mapping[str, object]], str]


def view_of(request: RenderRequest, init_image: ImageReference, render_config: RenderConfig) -> LayerView:
    """Decide everything that the layer template writes.

    Raises RenderFailed when the request lacks something the edition needs, ImageUnavailable when ``images`` is ``local``
    and a component has no local image.
    """
    return _Builder.of(request, render_config).layer(init_image)


@dataclass(slots=True)
class _Builder:
    request: RenderRequest
    mine: tuple[Component, ...]  # the components of this layer
    values: Mapping[str, Mapping[str, str]]  # placeholders per component
    connections: Mapping[str, str]  # what services are told about the datastores of both layers
    settings: Mapping[str, str]
    identity: Mapping[str, str]
    layer_labels: Mapping[str, str]
    given: Mapping[str, Given]  # files, per component
    delivery: Delivery

    @classmethod
    def of(cls, request: RenderRequest, render_config: RenderConfig) -> _Builder:
        present = present_in(request)
        mine = tuple(c for c in present if c.layer == request.layer)
        common = values_of(request)
        values = {c.name: values_for(c, common, holdings.resources_of(c, request).memory_bytes) for c in present}
        given = _given_to(mine, present, request, render_config)
        return cls(
            request=request,
            mine=mine,
            values=values,
            connections={k: resolve(text, values[c.name]) for c in present for k, text in c.connection.items()},
            settings=holdings.settings_of(request),
            identity=labels.identity(request),
            layer_labels=labels.of_layer(request),
            given=given,
            delivery=deliver(given.values()),
        )

    def layer(self, init_image: ImageReference) -> LayerView:
        request = self.request
        services = tuple(self.service(component) for component in self.mine)
        secrets = list(dict.fromkeys(name for given in self.given.values() for name in given.secrets))
        return LayerView(
            project=request.reference.project,
            layer=request.layer,
            pull_policy="never" if request.tenant.images == "local" else "missing",
            start_interval=request.start_interval,
            services=services,
            init=self.init(init_image),
            volumes=self.volumes(),
            network_labels=self.identity,
            subnet=holdings.subnet_of(request),
            data_network=holdings.data_network_of(request),
            secrets=holdings.variables(secrets),
            configs={config_name(g.component, p): text for g in self.given.values() for p, text in g.configs.items()},
            fingerprints={labels.INIT: self.fingerprint_of_init(), **{name: _fingerprint(given) for name, given in self.given.items()}},
        )

    def service(self, component: Component) -> ServiceView:
        request, values, given = self.request, self.values[component.name], self.given[component.name]
        writable = not component.read_only
        return ServiceView(
            name=component.name,
            image=holdings.image_of(component, request, values),
            labels={**self.identity, **self.layer_labels, **labels.of_component(component), **self.configuration(_fingerprint(given))},
            limits=holdings.limits_of(holdings.resources_of(component, request)),
            stop_grace_seconds=component.stop_grace_seconds,
            environment=self.environment(component),
            entrypoint=_all(component.entrypoint, values),
            command=_all(component.command, values),
            healthcheck=_all(component.healthcheck, values),
            stop_signal=component.stop_signal,
            user=component.user,
            read_only=component.read_only,
            capabilities=component.capabilities,
            ulimits=component.ulimits if request.hard_limits else {},
            ports=holdings.ports_of(component, request),
            temporary=component.temporary,
            mounts=(*_volumes(component), *self.delivery.mounts.get(component.name, ())),
            secrets=given.secrets if writable else (),
            configs={config_name(component, path): path for path in given.configs} if writable else {},
            depends_on=self.dependencies(component),
        )

    def environment(self, component: Component) -> dict[str, str]:
        """A service is told about every datastore, then its own manifest speaks, then the tenant's settings, which are never resolved."""
        values = self.values[component.name]
        own = {name: resolve(text, values) for name, text in component.environment.items()}
        return {**self.connections, **own, **self.settings} if component.kind == "service" else own

    def dependencies(self, component: Component) -> dict[str, str]:
        mine = {c.name: c for c in self.mine}
        conditions = {
            name: "service_healthy" if mine[name].healthcheck else "service_started" for name in component.depends_on if name in mine
        }
        if component.name in self.delivery.mounts:
            conditions[labels.INIT] = "service_completed_successfully"
        return conditions

    def configuration(self, fingerprint: Fingerprint) -> dict[str, str]:
        return labels.of_configuration(self.request, fingerprint)

    def fingerprint_of_init(self) -> Fingerprint:
        contents = {p: text for g in self.given.values() if g.component.read_only for p, text in g.configs.items()}
        return Fingerprint(tuple(self.delivery.secrets), contents)

    def volumes(self) -> dict[str, Mapping[str, str]]:
        owned = {mount.source: c for c in self.mine for mount in _volumes(c)}
        return {k: {**self.identity, **labels.of_component(c)} for k, c in (owned | self.delivery.volumes).items()}

    def init(self, image: ImageReference) -> InitView | None:
        delivery = self.delivery
        if not delivery.copies:
            return None
        local = self.request.tenant.images == "local"
        return InitView(
            name=labels.INIT,
            image=image.local if local and image.local else image.registry,
            labels={**self.identity, **labels.of_init(self.request), **self.configuration(self.fingerprint_of_init())},
            copies=tuple(path for target, source in delivery.copies.items() for path in (source, target)),
            mounts=tuple(Mount(volume, f"{SHARED}/{volume}") for volume in delivery.volumes),
            secrets=tuple(delivery.secrets),
            configs=delivery.configs,
        )


def present_in(request: RenderRequest) -> tuple[Component, ...]:
    """The components of the tenant's profile, or those that the request wants only."""
    present = request.edition.of_profile(request.tenant.profile)
    return present if request.components is None else tuple(c for c in present if c.name in request.components)


def _given_to(mine: Sequence[Component], present: Sequence[Component], request: RenderRequest, render: RenderConfig) -> dict[str, Given]:
    """The files of each component. Services also get the secrets that the connections to datastores name."""
    for_services = secrets_in(text for c in present for text in c.connection.values())
    scope = _config_scope(request, present)
    return {c.name: _given(c, for_services if c.kind == "service" else (), request, render, scope) for c in mine}


def _given(component: Component, more: Sequence[str], request: RenderRequest, render: RenderConfig, scope: Mapping[str, object]) -> Given:
    texts = (*component.environment.values(), *component.entrypoint, *component.command, *component.healthcheck)
    secrets = tuple(dict.fromkeys((*component.secrets, *secrets_in(texts), *more)))
    for name in secrets:
        if name not in request.secrets:
            raise RenderFailed(
                f"component {component.name} needs the secret {name!r}, which tenant {request.tenant.name} does not have",
                f"looma tenant update {request.tenant.name} makes missing secrets",
            )
    configs = {path: render(template, {**scope, "component": component}) for template, path in component.configs.items()}
    return Given(component, secrets, configs)


def _fingerprint(given: Given) -> Fingerprint:
    return Fingerprint(given.secrets, given.configs)


def _config_scope(request: RenderRequest, present: Sequence[Component]) -> dict[str, object]:
    """What a configuration template sees. Nothing that changes with a release: an upgrade must not restart Prometheus."""
    return {
        "tenant": request.tenant.name,
        "edition": request.edition.name,
        "scraped": [c for c in present if c.metrics_path and c.ports],
    }


def _all(texts: Sequence[str], values: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(resolve(text, values) for text in texts)


def _volumes(component: Component) -> tuple[Mount, ...]:
    return tuple(Mount(f"{component.name}-{name}", path) for name, path in component.volumes.items())
