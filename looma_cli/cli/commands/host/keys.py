"""A host's key is shown to somebody who can compare it, before it is pinned."""

from looma_cli.cli.session import Session
from looma_cli.errors import ConfirmationRequired
from looma_cli.model.host import HostKey


def agreed_key(session: Session, name: str, url: str, expected: str | None, yes: bool) -> HostKey:
    """The key that the machine shows, once it is the one expected, or somebody said yes.

    Raises NotAllowed for another than the one expected, ConfirmationRequired where nobody can be asked.
    """
    from looma_cli.usecases.hosts import require_fingerprint

    key = session.looma.hosts.scan(url)
    if expected is not None:
        require_fingerprint(key, expected)
        return key
    kind = key.key.split()[0]
    session.tell(f"{url} shows this key: {kind} {key.fingerprint}")
    try:
        session.confirm(f"Pin it as the key of host {name}?", yes)
    except ConfirmationRequired as error:
        hint = f"compare it with what the host itself says (ssh-keygen -lf), then add --host-key {key.fingerprint}, or --yes"
        raise ConfirmationRequired(f"the key of host {name} is not known: {kind} {key.fingerprint}", hint) from error
    return key
