"""What a request says of one component, looked up: image, limits, ports, subnet, settings. What it lacks is an error that names it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from looma_cli.adapters.render.placeholders import resolve
from looma_cli.adapters.render.view import Limits, Port
from looma_cli.errors import ImageUnavailable, InvalidValue, RenderFailed
from looma_cli.model.edition import Component, Resources
from looma_cli.model.render import RenderRequest
from looma_cli.model.tenant import LayerReference

MEBIBYTE = 2**20


def variables(secrets: Sequence[str]) -> dict[str, str]:
    """Secret -> the variable in which compose finds it."""
    variables = {name: "LOOMA_SECRET_" + name.upper().replace("-", "_") for name in secrets}
    owners = {variable: name for name, variable in variables.items()}
    for name, variable in variables.items():
        if owners[variable] != name:
            raise RenderFailed(f"the secrets {name!r} and {owners[variable]!r} would both be {variable}", "rename one in the manifest")
    return variables


def settings_of(request: RenderRequest) -> dict[str, str]:
    """The tenant's settings. Raises InvalidValue for text that no process can have in its environment."""
    for name, value in request.tenant.settings.items():
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise InvalidValue(f"setting {name} has a character that no environment variable can hold", "leave it out")
    return dict(request.tenant.settings)


def image_of(component: Component, request: RenderRequest, values: Mapping[str, str]) -> str:
    """Raises ImageUnavailable when only local images may be used and the component has none."""
    if request.tenant.images != "local":
        return resolve(component.image.registry, values)
    if component.image.local is None:
        raise ImageUnavailable(
            f"component {component.name} of edition {request.edition.name} has no local image",
            "use --images registry, or a profile without it (looma edition show lists them)",
            component=component.name,
        )
    return resolve(component.image.local, values)


def resources_of(component: Component, request: RenderRequest) -> Resources:
    """Raises RenderFailed when the component says nothing of the tenant's profile."""
    resources = component.resources.get(request.tenant.profile)
    if resources is None:
        raise RenderFailed(
            f"component {component.name} has no resources for the profile {request.tenant.profile}",
            f"looma edition validate names the file; add resources.{request.tenant.profile} to it",
        )
    return resources


def limits_of(resources: Resources) -> Limits:
    """Written as compose writes them: ``512M`` is 512 MiB."""
    mebibytes, rest = divmod(resources.memory_bytes, MEBIBYTE)
    return Limits(f"{resources.memory_bytes}b" if rest else f"{mebibytes}M", f"{resources.cpus:g}", resources.pids)


def ports_of(component: Component, request: RenderRequest) -> tuple[Port, ...]:
    """The documented ports, where they are allocated. Raises RenderFailed for one that is not."""
    if request.components is not None:
        return ()
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


def subnet_of(request: RenderRequest) -> str:
    """Raises RenderFailed when the layer has none."""
    for subnet in request.tenant.subnets:
        if (subnet.layer, subnet.generation) == (request.layer, request.generation):
            return subnet.cidr
    raise RenderFailed(f"no subnet is allocated for {request.reference.project}", "looma state audit shows what is allocated")


def data_network_of(request: RenderRequest) -> str | None:
    """The data layer's network, which the app layer joins."""
    tenant = request.tenant
    return LayerReference(tenant.name, "data", tenant.data_generation).project if request.layer == "app" else None
