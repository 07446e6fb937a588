"""Everything that a person can type, checked before anything is touched. Pure; imports nothing heavy.

Each function returns the value, or raises InvalidName or InvalidValue with one line of what is wrong and one of what to do. The message
never holds a line break or a control character, whatever was typed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from looma_cli.errors import InvalidName, InvalidValue

# The contract's: SPEC, "Names".
RESERVED_SETTINGS = "LOOMA_"
_TENANT = re.compile(r"[a-z][a-z0-9-]{0,38}[a-z0-9]")
# Names of files in editions/, of components and of hosts; the first is at most a DNS label.
_EDITION = re.compile(r"[a-z][a-z0-9-]{0,61}[a-z0-9]")
_COMPONENT = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")
# A release is a tag of an image: OCI distribution specification, "tag".
_RELEASE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
# Distribution's reference grammar: host[:port]/path[:tag][@digest].
_IMAGE = re.compile(
    r"(?=.{1,255}$)(?:[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]{1,5})?/)?[a-z0-9][a-z0-9._-]*(?:/[a-z0-9][a-z0-9._-]*)*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")  # RFC 1123, 2.1, in lower case
_SETTING = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATION = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_BACKUP = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_SCHEME = re.compile(r"[a-z0-9]+:")
_REMOTE = re.compile(r"(sftp|s3):")
# A time as restic names it: its manual, "Removing snapshots according to a policy".
_RETENTION = re.compile(r"(?=[0-9])(?:[0-9]{1,4}y)?(?:[0-9]{1,4}m)?(?:[0-9]{1,5}d)?(?:[0-9]{1,6}h)?")
_INSTALLATION = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_DURATION = re.compile(r"(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+(?:\.[0-9]+)?)s)?")
_TIME_OF_DAY = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")
_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_LONGEST_DURATION = 7 * 24 * 3600.0
_MAXIMUM_DISPLAY_NAME = 100
_MAXIMUM_VALUE = 32 * 1024  # characters; the kernel takes 128 KiB for one environment string


def shown(text: str, limit: int = 60) -> str:
    """The text in quotes and on one line, cut where it is long: ``'a\\nb'``."""
    quoted = repr(text)
    return quoted if len(quoted) <= limit else quoted[: limit - 1] + "…" + quoted[0]


def _named(what: str, pattern: re.Pattern[str], hint: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise InvalidName(f"{shown(text)} is not {what}" if text else f"an empty text is not {what}", hint)
        return text

    return check


tenant_name = _named(
    "a tenant name", _TENANT, "2 to 40 lower-case letters, digits and hyphens; it begins with a letter and does not end with a hyphen"
)
edition_name = _named("an edition name", _EDITION, "looma edition list shows them")
component_name = _named("a component name", _COMPONENT, "looma health TENANT shows a tenant's components")
host_name = _named("a host name", _HOST, "lower-case letters, digits, dots and hyphens; the machine itself is called local")
release = _named("a release", _RELEASE, "looma edition show EDITION lists the releases; they look like 1.4.2")
image_reference = _named("an image reference", _IMAGE, "looma image list shows them; they look like looma/mysql:10.11")
installation_id = _named("an installation's id", _INSTALLATION, "it is the value of the label looma.installation: 12 hex digits")
backup_id = _named("a backup id", _BACKUP, "looma backup list shows them")
operation_id = _named("an operation id", _OPERATION, "looma operation list shows them")


def is_tenant_name(text: str) -> bool:
    return _TENANT.fullmatch(text) is not None


def hostname(text: str) -> str:
    """A DNS name by RFC 1123 in lower case, punycode allowed, at most 253 characters, no IP address."""
    if not text.isascii():
        raise InvalidName(f"{shown(text)} is not a hostname: it has characters beyond ASCII", _punycode_hint(text))
    labels = text.split(".")
    if len(text) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise InvalidName(f"{shown(text)} is not a hostname", _hostname_hint(text))
    if labels[-1].isdigit():
        raise InvalidName(f"{shown(text)} is an address, not a hostname", "give a DNS name like crm.example.com, or leave it out")
    return text


def _hostname_hint(text: str) -> str:
    lower = text.lower()
    labels = lower.split(".")
    if lower != text and len(text) <= 253 and all(_LABEL.fullmatch(label) for label in labels) and not labels[-1].isdigit():
        return f"write it in lower case: {lower}"
    return "labels of lower-case letters, digits and hyphens with dots between, at most 253 characters, like crm.example.com"


def _punycode_hint(text: str) -> str:
    try:
        encoded = text.lower().encode("idna").decode("ascii")
        return f"write it as {hostname(encoded)}"
    except (UnicodeError, InvalidName):
        return "write it in punycode, like xn--fsqu00a.com"


def display_name(text: str) -> str:
    """Any text of 1 to 100 printable characters, for people."""
    stripped = text.strip()
    if not stripped or len(stripped) > _MAXIMUM_DISPLAY_NAME:
        raise InvalidValue(f"{shown(text)} is not a display name", f"1 to {_MAXIMUM_DISPLAY_NAME} characters, not only blanks")
    if not stripped.isprintable():
        raise InvalidValue(f"{shown(text)} is not a display name: it has control characters", "leave out line breaks, tabs and the like")
    return stripped


def setting_key(text: str) -> str:
    """A name for an environment variable of the tenant's services."""
    if not _SETTING.fullmatch(text):
        raise InvalidValue(f"{shown(text)} is not the name of a setting", "letters, digits and underscores, not beginning with a digit")
    if text.startswith(RESERVED_SETTINGS):
        raise InvalidValue(f"{text} is looma's own: services are told who they are by it", "choose a name that does not begin with LOOMA_")
    return text


def setting_value(text: str) -> str:
    """Any text that an environment variable can hold."""
    if "\0" in text or not _is_unicode(text):
        raise InvalidValue(f"the value {shown(text)} cannot be given to a service", "it must be text in UTF-8 without NUL")
    if len(text) > _MAXIMUM_VALUE:
        raise InvalidValue(f"the value {shown(text)} is too long", f"at most {_MAXIMUM_VALUE} characters")
    return text


def setting(text: str) -> tuple[str, str]:
    """``KEY=VALUE``; the value may be empty and may hold anything, ``=`` too."""
    key, equals, value = text.partition("=")
    if not equals:
        raise InvalidValue(f"{shown(text)} has no '='", "write a setting as KEY=VALUE, for instance --set LOG_LEVEL=debug")
    return setting_key(key), setting_value(value)


def duration(text: str) -> float:
    """Seconds of ``30s``, ``5m``, ``1h30m``, ``0.5s`` or a plain number of seconds; at most a week."""
    text = text.strip()
    parts = _DURATION.fullmatch(text)
    if _SECONDS.fullmatch(text):
        seconds = float(text)
    elif text and parts:
        hours, minutes, rest = parts.groups()
        seconds = int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(rest or 0)
    else:
        raise InvalidValue(f"{shown(text)} is not a duration", "write it like 30s, 5m or 1h30m")
    if seconds > _LONGEST_DURATION:
        raise InvalidValue(f"{shown(text)} is too long", "at most a week: 168h")
    return seconds


def retention_time(text: str) -> str:
    """How far back backups are kept, in years, months, days and hours as restic writes it: ``30d``, ``1y6m``."""
    if not _RETENTION.fullmatch(text) or not any(digit in text for digit in "123456789"):
        raise InvalidValue(f"{shown(text)} is not a time to keep backups for", "write it like 30d, 12h or 1y6m (m is months)")
    return text


def is_remote(text: str) -> bool:
    """Whether a place for backups is on another machine."""
    return _REMOTE.match(text) is not None


def repository(text: str) -> str:
    """A place for backups: a folder, ``sftp:…`` or ``s3:…``; what follows those is judged by the adapter that opens it."""
    if not text.strip() or not text.isprintable() or text.startswith("-") or (_SCHEME.match(text) and not is_remote(text)):
        raise InvalidValue(
            f"{shown(text)} is no place for backups", "give a folder, sftp:user@host:/path or s3:https://host/bucket/prefix"
        )
    return text


def time_of_day(text: str) -> str:
    """``HH:MM`` of a day of 24 hours."""
    if not _TIME_OF_DAY.fullmatch(text):
        raise InvalidValue(f"{shown(text)} is not a time of day", "write it as HH:MM, for instance 03:00")
    return text


def hours_of_day(text: str) -> int:
    """``6h``: whole hours that a day can be divided by."""
    seconds = duration(text)
    if seconds % 3600 or seconds / 3600 not in (1, 2, 3, 4, 6, 8, 12, 24):
        raise InvalidValue(f"{shown(text)} does not divide a day", "choose 1h, 2h, 3h, 4h, 6h, 8h, 12h or 24h")
    return int(seconds) // 3600


def count(what: str, text: str) -> int:
    """A whole number from 0 to a million. ``what`` names it in the message."""
    if not (text.isascii() and text.isdigit() and int(text) <= 1_000_000):
        raise InvalidValue(f"{shown(text)} is not a number of {what}", "a whole number from 0 to 1000000")
    return int(text)


def choice(what: str, text: str, allowed: Sequence[str]) -> str:
    """One of a fixed list."""
    if text not in allowed:
        raise InvalidValue(f"{shown(text)} is not one of the values of {what}", f"choose {_either(allowed)}")
    return text


def _either(allowed: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(allowed[:-1]), allowed[-1])))


def file_name(text: str) -> str:
    """A path that a file can have; whether it is there is seen when it is opened."""
    if not text or "\0" in text or not _is_unicode(text):
        raise InvalidValue(f"{shown(text)} is not a file name", "give the path of a file")
    return text


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
