"""Backup sets as the state knows them (the repository is the truth), schedules, and layers that are kept for the way back."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from sqlalchemy import select

from looma_cli.adapters.database.columns import BACKUPS, KEPT_LAYERS, SCHEDULES, TENANTS
from looma_cli.adapters.database.section import Section
from looma_cli.errors import NotFound
from looma_cli.model.backup import Backup, BackupMark, decode_store_backup
from looma_cli.model.codec import encode
from looma_cli.model.schedule import Schedule
from looma_cli.model.tenant import KeptLayer, LayerReference

_FIELDS = tuple(field.name for field in fields(Backup))
_COLUMNS = tuple(BACKUPS.c[name] for name in _FIELDS)
_MARK = tuple(BACKUPS.c[name] for name in ("tenant", "id", "created_at", "missing", "problem"))
_KEPT = tuple(KEPT_LAYERS.c[name] for name in ("tenant", "layer", "generation", "host", "keep_until", "reason", "record"))


class BackupSection(Section):
    def backups(self, tenant: str | None = None) -> list[Backup]:
        """Newest first."""
        found = self._find(_COLUMNS, (BACKUPS.c.created_at.desc(), BACKUPS.c.id), tenant=tenant)
        return [_backup(row) for row in found]

    def backup(self, id: str) -> Backup:
        for row in self._find(_COLUMNS, id=id):
            return _backup(row)
        raise NotFound(f"there is no backup {id}", "looma backup list shows them", backup=id)

    def backup_marks(self, tenant: str) -> list[BackupMark]:
        """Newest first."""
        return [_mark(row) for row in self._find(_MARK, (BACKUPS.c.created_at.desc(), BACKUPS.c.id), tenant=tenant)]

    def newest_backup_marks(self) -> list[BackupMark]:
        """By the tenants' ``last_backup``, so that an index finds each; of two made at the same instant only one."""
        newest = select(*_MARK).where(BACKUPS.c.tenant == TENANTS.c.name, BACKUPS.c.created_at == TENANTS.c.last_backup)
        return list({row[0]: _mark(row) for row in self._connection.execute(newest)}.values())

    def save_backup(self, backup: Backup) -> None:
        """Adds or replaces it; the tenant's ``last_backup`` and ``last_proof`` follow."""
        row = {name: getattr(backup, name) for name in _FIELDS}
        row |= {"datastores": encode(backup.datastores), "missing": list(backup.missing)}
        self._put(BACKUPS, ("id",), [row])
        self._follow(backup.tenant)

    def remove_backup(self, id: str) -> None:
        tenants = [row[0] for row in self._find((BACKUPS.c.tenant,), id=id)]
        self._remove(BACKUPS, id=id)
        for tenant in tenants:
            self._follow(tenant)

    def _follow(self, tenant: str) -> None:
        """A tenant that is gone has no record to follow; its backups stay."""
        times = self._find((BACKUPS.c.created_at, BACKUPS.c.verified_at), tenant=tenant)
        last = {
            "last_backup": max((created for created, _ in times), default=None),
            "last_proof": max((proven for _, proven in times if proven), default=None),
        }
        self._change(TENANTS, last, name=tenant)

    # what runs by itself
    def schedule(self, name: str) -> Schedule | None:
        found = self._find((SCHEDULES.c.specification, SCHEDULES.c.installed_at), name=name)
        return next((Schedule(name, installed_at=row[1], **row[0]) for row in found), None)

    def save_schedule(self, schedule: Schedule) -> None:
        row = {"name": schedule.name, "specification": schedule.specification(), "installed_at": schedule.installed_at}
        self._put(SCHEDULES, ("name",), [row])

    def remove_schedule(self, name: str) -> None:
        self._remove(SCHEDULES, name=name)

    # kept layers
    def kept_layers(self, tenant: str | None = None) -> list[KeptLayer]:
        """Those whose time is over first."""
        found = self._find(_KEPT, (KEPT_LAYERS.c.keep_until, KEPT_LAYERS.c.tenant, KEPT_LAYERS.c.layer), tenant=tenant)
        return [KeptLayer(LayerReference(*row[:3]), *row[3:]) for row in found]

    def keep_layer(self, kept: KeptLayer) -> None:
        one = kept.reference
        row: dict[str, Any] = {"tenant": one.tenant, "layer": one.layer, "generation": one.generation}
        row |= {"host": kept.host, "keep_until": kept.keep_until, "reason": kept.reason, "record": dict(kept.record)}
        self._put(KEPT_LAYERS, ("tenant", "layer", "generation"), [row])

    def forget_layer(self, reference: LayerReference) -> None:
        self._remove(KEPT_LAYERS, tenant=reference.tenant, layer=reference.layer, generation=reference.generation)


def _mark(row: Any) -> BackupMark:
    return BackupMark(row[0], row[1], row[2], bool(row[3]), row[4])


def _backup(row: Any) -> Backup:
    values = dict(zip(_FIELDS, row, strict=True))
    values["datastores"] = tuple(decode_store_backup(store) for store in values["datastores"])
    values["missing"] = tuple(values["missing"])
    return Backup(**values)
