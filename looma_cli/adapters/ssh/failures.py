"""What ssh's last words mean: their text becomes one of our errors. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from looma_cli.adapters.ssh.arguments import ALIAS
from looma_cli.errors import HostKeyChanged, HostUnreachable
from looma_cli.model.host import HostKey

INSTALL_HINT = "install OpenSSH's client: apt-get install openssh-client"
TRY_HINT = "see what ssh itself says: ssh {destination} true"
KEY_HINT = "let this user in by key (ssh-copy-id {destination}), or name the right key in ~/.ssh/config; no password is asked for"
CHANGED_HINT = "if the machine was set up anew, remove the host and add it again; if not, somebody else may be answering in its place"
JUMP_HINT = "log in to the jump host once by hand, and look at its key: ssh {destination}"
FORWARDING_HINT = "its sshd_config must allow it: AllowStreamLocalForwarding yes, AllowTcpForwarding yes"
_CHANGED = re.compile(rf"Host key for {re.escape(ALIAS)} has changed|no matching host key type found")
_OFFERED = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_UNKNOWN_KEY = re.compile(r"[Hh]ost key (?:is known for|verification failed)")
_REFUSED_USER = re.compile(r"Permission denied \(|Too many authentication failures|No supported authentication methods")
_FOR_GOOD = re.compile(
    r"Could not resolve hostname|Bad configuration option|Bad owner or permissions|terminating, \d+ bad configuration|no matching |"
    r"Unable to negotiate|Bad port|unsupported option|is not executable"
)
# Said beside the reason, or about how it is done.
_NOISE = re.compile(
    r"^(?:Warning: Permanently added|Pseudo-terminal|@+$|@ |\*\* |Control socket|mux_|debug|Connection closed by UNKNOWN|"
    r"Authorized uses only|channel \d+: open failed)"
)
# Said where the way has ended: whoever ended it (the ssh to a jump host, say) may have said why.
_CONSEQUENCE = re.compile(r"^(?:kex_exchange_identification|banner exchange|ssh_exchange_identification)")


class NotNow(HostUnreachable):
    """What may pass by itself within seconds: a server that is restarted, one with too many logins at a time, a lost packet."""


def key_changed(words: Sequence[str]) -> bool:
    """Whether the host showed another key than the pinned one."""
    return any(_CHANGED.search(line) for line in words)


def offered_fingerprint(words: Sequence[str]) -> str | None:
    """Of the key that was shown instead: ssh names it where the type is the same."""
    return next((found[0] for line in words if (found := _OFFERED.search(line))), None)


def changed(name: str, pinned: HostKey, offered: str | None) -> HostKeyChanged:
    shown = offered or "one that it does not show"
    return HostKeyChanged(
        f"host {name} shows another key than the one that is pinned: pinned {pinned.fingerprint}, offered {shown}",
        CHANGED_HINT,
        pinned=pinned.fingerprint,
        offered=offered,
    )


def unreachable(name: str, destination: str, words: Sequence[str], otherwise: str) -> HostUnreachable:
    """The error for an ssh that could not connect; ``otherwise`` is what is said where it said nothing."""
    reason = last_words(words) or otherwise
    message = f"host {name} cannot be reached: {reason}"
    if any(_REFUSED_USER.search(line) for line in words):
        return HostUnreachable(message, KEY_HINT.format(destination=destination))
    if any(_UNKNOWN_KEY.search(line) for line in words):
        return HostUnreachable(message, JUMP_HINT.format(destination=destination))
    kind = HostUnreachable if any(_FOR_GOOD.search(line) for line in words) else NotNow
    return kind(message, TRY_HINT.format(destination=destination))


def last_words(words: Sequence[str]) -> str:
    """The last line that says why; empty where there is none."""
    telling = [line for line in words if not _NOISE.search(line)]
    reasons = [line for line in telling if not _CONSEQUENCE.search(line)]
    return next(reversed(reasons or telling), "")
