"""Labels: who a container, volume or network belongs to, and what ``state rebuild`` reads back.

Compose recreates a container when its labels change, recent releases also a network (which stops the containers on it) and, if told to, a
volume. So volumes and networks carry only what cannot change within a generation, and each container only what may restart it.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping

from looma_cli.adapters.render.literal import as_json
from looma_cli.adapters.render.view import Fingerprint
from looma_cli.model import layer as label
from looma_cli.model.edition import Component
from looma_cli.model.render import RenderRequest

LABEL_CONFIGURATION = "looma.configuration"
INIT = "init"


def identity(request: RenderRequest) -> dict[str, str]:
    """Whose it is: true for as long as this generation of the layer exists."""
    return {
        label.LABEL_INSTALLATION: request.installation,
        label.LABEL_TENANT: request.tenant.name,
        label.LABEL_LAYER: request.layer,
        label.LABEL_GENERATION: str(request.generation),
    }


def of_component(component: Component) -> dict[str, str]:
    return {label.LABEL_COMPONENT: component.name, label.LABEL_KIND: component.kind}


def of_layer(request: RenderRequest) -> dict[str, str]:
    """What else every container says. A datastore does not depend on the release: an upgrade must not restart it."""
    labels = {label.LABEL_EDITION: request.edition.name, label.LABEL_PROFILE: request.tenant.profile}
    if request.layer == "app":
        labels[label.LABEL_RELEASE] = request.tenant.release
        labels[label.LABEL_TENANT_RECORD] = record(request)
    return labels


def of_init(request: RenderRequest) -> dict[str, str]:
    """Compose recreates every container that depends on a recreated one (measured with 2.26), so this one may say no more than they do:
    the hostname, which must restart nothing, is known from the edge's route."""
    return {label.LABEL_COMPONENT: INIT, label.LABEL_KIND: INIT, **of_layer(request)}


def record(request: RenderRequest) -> str:
    """What ``state rebuild`` needs and no other label says, as JSON."""
    tenant = request.tenant
    return as_json(
        {
            "display_name": tenant.display_name,
            "host": tenant.host,
            "address": tenant.address,
            "public_port": tenant.public_port,
            "images": tenant.images,
            "port_policy": tenant.port_policy,
            "platform": tenant.platform,
            "settings": dict(tenant.settings),
            "created_at": tenant.created_at.isoformat(),
        }
    )


def of_configuration(request: RenderRequest, given: Fingerprint) -> dict[str, str]:
    """A hash over the files that a container is given, because compose does not recreate it when only those change."""
    if not given.secrets and not given.configs:
        return {}
    return {LABEL_CONFIGURATION: fingerprint(request, given.secrets, given.configs)}


def fingerprint(request: RenderRequest, secrets: Iterable[str], configs: Mapping[str, str]) -> str:
    """Keyed with the secrets themselves (about 190 bits each), so that nothing can be guessed from it."""
    return hashed(key_of(request, secrets), as_json(dict(configs)))


def key_of(request: RenderRequest, secrets: Iterable[str]) -> bytes:
    """The key of a fingerprint. Raises KeyError for a secret that is not there."""
    return as_json([request.installation, request.tenant.name, {name: request.secrets[name] for name in secrets}]).encode()


def hashed(key: bytes, configs: str) -> str:
    return hmac.digest(key, configs.encode(), "sha256").hex()[:32]
