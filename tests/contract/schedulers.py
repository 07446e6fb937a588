"""Machines with a scheduler: a root folder, and programs that do what systemctl and crontab do, as far as anybody looks."""

from __future__ import annotations

from pathlib import Path

from looma_cli.adapters.scheduler.machine import Machine

SYSTEMCTL = """#!/bin/sh
# Knows units by their files in $UNITS; what is enabled or active is a file of that name beside them.
[ "$1" = --user ] && shift
echo "$@" >>"$UNITS/calls"
[ -e "$UNITS/refuse-$1" ] && { echo "Failed to $1: no bus" >&2; exit 1; }
verb="$1"; shift; [ "$1" = --now ] && shift; unit="$1"
case "$verb" in
  enable) [ -e "$UNITS/$unit" ] || { echo "Unit $unit does not exist" >&2; exit 1; }; : >"$UNITS/$unit.is-enabled" ;;
  restart) : >"$UNITS/$unit.is-active" ;;
  disable) rm -f "$UNITS/$unit.is-enabled" "$UNITS/$unit.is-active" ;;
  is-enabled) [ -e "$UNITS/$unit.is-enabled" ] && echo enabled || { echo disabled; exit 1; } ;;
  is-active) [ -e "$UNITS/$unit.is-active" ] && echo active || { echo inactive; exit 3; } ;;
esac
"""
CRONTAB = """#!/bin/sh
[ -e "$TABS/refuse" ] && { echo "you may not use this program" >&2; exit 1; }
case "$1" in
  -l) [ -e "$TABS/tab" ] && cat "$TABS/tab" || { echo "no crontab for somebody" >&2; exit 1; } ;;
  -) cat >"$TABS/tab" ;;
esac
"""


def machine(root: Path, *, uid: int, systemd: bool = False, cron: bool = False) -> Machine:
    """``root/bin`` has its programs; the user's home is ``root/home``."""
    (root / "bin").mkdir(parents=True)
    (root / "home").mkdir()
    units = root / "etc/systemd/system" if uid == 0 else root / "home/.config/systemd/user"
    if systemd:
        (root / "run/systemd/system").mkdir(parents=True)
        units.mkdir(parents=True)
        program(root, "systemctl", SYSTEMCTL)
    if cron:
        (root / "etc/cron.d").mkdir(parents=True)
        program(root, "crontab", CRONTAB)
        program(root, "cron", "#!/bin/sh\n")
    environment = {"PATH": f"{root / 'bin'}:/usr/bin:/bin", "HOME": str(root / "home"), "UNITS": str(units), "TABS": str(root)}
    return Machine(root, uid, "somebody" if uid else "root", environment)


def program(root: Path, name: str, text: str) -> None:
    path = root / "bin" / name
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
