"""From a request to the view of a layer: which services, with which values. Pure; the templates decide how it is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from looma_cli.adapters.render import labels
from looma_cli.adapters.render.delivery import SHARED, Delivery, Given, config_name, deliver
from looma_cli.adapters.render.placeholders import resolve, secrets_in, values_for, values_of
from looma_cli.adapters.render.view import InitView, LayerView, Limits, Mount, Port, ServiceView
from looma_cli.errors import ImageUnavailable, InvalidValue, RenderFailed
from looma_cli.model.edition import Component, ImageReference, Resources
from looma_cli.model.render import RenderRequest
from looma_cli.model.tenant import LayerReference

RenderConfig = Callable[[str, Mapping[str, object]], str]
MEBIBYTE = 2**20


def view_of(request: RenderRequest, init_image: ImageReference, render_config: RenderConfig) -> LayerView:
    """Decide everything that the layer template writes.

    Raises RenderFailed when the request lacks something the edition needs, ImageUnavailable when ``images`` is ``local``
    and a component has no local image.
    """
    return _Builder.of(request, render_config).layer(init_image)


@dataclass(slots=True)
class _Builder:
    request: RenderRequest
    present: tuple[Component, ...]  # of both layers
    mine: tuple[Component, ...]  # of this layer
    values: Mapping[str, Mapping[str, str]]  # placeholders per component
    connections: Mapping[str, str]
    settings: Mapping[str, str]
    identity: Mapping[str, str]
    common_labels: Mapping[str, str]
    given: Mapping[str, Given]
    delivery: Delivery

    @classmethod
    def of(cls, request: RenderRequest, render_config: RenderConfig) -> _Builder:
        present = request.edition.of_profile(request.tenant.profile)
        common = values_of(request)
        values = {c.name: values_for(c, common, _resources(c, request).memory_bytes) for c in present}
        connections = {k: resolve(v, values[c.name]) for c in present for k, v in c.connection.items()}
        wanted = tuple(secrets_in(text for c in present for text in c.connection.values()))
        mine = tuple(c for c in present if c.layer == request.layer)
        scope = _config_scope(request, present)
        given = {c.name: _given(c, request, wanted if c.kind == "service" else (), render_config, scope) for c in mine}
        identity = labels.identity(request)
        return cls(
            request, present, mine, values, connections, _settings(request), identity,
            {**identity, **labels.of_layer(request)}, given, deliver(given.values()),
        )  # fmt: skip

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
            subnet=_subnet(request),
            data_network=_data_network(request),
            secrets=_variables(secrets),
            configs={config_name(g.component, p): text for g in self.given.values() for p, text in g.configs.items()},
        )

    def service(self, component: Component) -> ServiceView:
        request, values, given = self.request, self.values[component.name], self.given[component.name]
        writable = not component.read_only
        return ServiceView(
            name=component.name,
            image=_image(component, request, values),
            labels={**self.common_labels, **labels.of_component(component), **self.configuration(given)},
            limits=_limits(_resources(component, request)),
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
            ports=_ports(component, request),
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

    def configuration(self, given: Given) -> dict[str, str]:
        secrets = {name: self.request.secrets[name] for name in given.secrets}
        return labels.of_configuration(self.request, secrets, given.configs)

    def volumes(self) -> dict[str, Mapping[str, str]]:
        owned = {mount.source: c for c in self.mine for mount in _volumes(c)}
        return {k: {**self.identity, **labels.of_component(c)} for k, c in (owned | self.delivery.volumes).items()}

    def init(self, image: ImageReference) -> InitView | None:
        delivery = self.delivery
        if not delivery.copies:
            return None
        contents = {p: text for g in self.given.values() if g.component.read_only for p, text in g.configs.items()}
        given = {name: self.request.secrets[name] for name in delivery.secrets}
        hashed = labels.of_configuration(self.request, given, contents)
        local = self.request.tenant.images == "local"
        return InitView(
            name=labels.INIT,
            image=image.local if local and image.local else image.registry,
            labels={**self.identity, **labels.of_init(self.request), **hashed},
            copies=tuple(path for target, source in delivery.copies.items() for path in (source, target)),
            mounts=tuple(Mount(volume, f"{SHARED}/{volume}") for volume in delivery.volumes),
            secrets=tuple(delivery.secrets),
            configs=delivery.configs,
        )


def _variables(secrets: Sequence[str]) -> dict[str, str]:
    """Secret -> the variable in which compose finds it."""
    variables = {name: "LOOMA_SECRET_" + name.upper().replace("-", "_") for name in secrets}
    owners = {variable: name for name, variable in variables.items()}
    for name, variable in variables.items():
        if owners[variable] != name:
            raise RenderFailed(f"the secrets {name!r} and {owners[variable]!r} would both be {variable}", "rename one in the manifest")
    return variables


def _settings(request: RenderRequest) -> dict[str, str]:
    """The tenant's settings. Raises InvalidValue for text that no process can have in its environment."""
    for name, value in request.tenant.settings.items():
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise InvalidValue(f"setting {name} has a character that no environment variable can hold", "leave it out")
    return dict(request.tenant.settings)


def _given(component: Component, request: RenderRequest, more: Sequence[str], render: RenderConfig, scope: Mapping[str, object]) -> Given:
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


def _config_scope(request: RenderRequest, present: Sequence[Component]) -> dict[str, object]:
    """What a configuration template sees. Nothing that changes with a release: an upgrade must not restart Prometheus."""
    return {
        "tenant": request.tenant.name,
        "edition": request.edition.name,
        "scraped": [c for c in present if c.metrics_path and c.ports],
    }


def _all(texts: Sequence[str], values: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(resolve(text, values) for text in texts)


def _image(component: Component, request: RenderRequest, values: Mapping[str, str]) -> str:
    if request.tenant.images != "local":
        return resolve(component.image.registry, values)
    if component.image.local is None:
        raise ImageUnavailable(
            f"component {component.name} of edition {request.edition.name} has no local image",
            "use --images registry, or a profile without it (looma edition show lists them)",
            component=component.name,
        )
    return resolve(component.image.local, values)


def _resources(component: Component, request: RenderRequest) -> Resources:
    resources = component.resources.get(request.tenant.profile)
    if resources is None:
        raise RenderFailed(
            f"component {component.name} has no resources for the profile {request.tenant.profile}",
            f"looma edition validate names the file; add resources.{request.tenant.profile} to it",
        )
    return resources


def _limits(resources: Resources) -> Limits:
    mebibytes, rest = divmod(resources.memory_bytes, MEBIBYTE)
    return Limits(f"{resources.memory_bytes}b" if rest else f"{mebibytes}M", f"{resources.cpus:g}", resources.pids)


def _volumes(component: Component) -> tuple[Mount, ...]:
    return tuple(Mount(f"{component.name}-{name}", path) for name, path in component.volumes.items())


def _ports(component: Component, request: RenderRequest) -> tuple[Port, ...]:
    held = {
        (a.container_port, a.protocol): a
        for a in request.tenant.ports
        if (a.component, a.layer, a.generation) == (component.name, request.layer, request.generation)
    }
    published = [port for port in component.ports if port.canonical is not None]
    for port in published:
        if (port.container_port, port.protocol) not in held:
            raise RenderFailed(
                f"no host port is allocated for {component.name}:{port.container_port} of {request.reference.project}",
                "looma state audit shows what is allocated",
            )
    return tuple(
        Port(held[p.container_port, p.protocol].address, held[p.container_port, p.protocol].host_port, p.container_port, p.protocol)
        for p in published
    )


def _subnet(request: RenderRequest) -> str:
    for subnet in request.tenant.subnets:
        if (subnet.layer, subnet.generation) == (request.layer, request.generation):
            return subnet.cidr
    raise RenderFailed(f"no subnet is allocated for {request.reference.project}", "looma state audit shows what is allocated")


def _data_network(request: RenderRequest) -> str | None:
    tenant = request.tenant
    return LayerReference(tenant.name, "data", tenant.data_generation).project if request.layer == "app" else None
