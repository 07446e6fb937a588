"""Stored files of tenants, for ``looma_cli.adapters.files.DatabaseFiles``."""

from __future__ import annotations

from looma_cli.adapters.database.columns import STACK_FILES
from looma_cli.adapters.database.section import Section


class FileSection(Section):
    def file(self, tenant: str, name: str) -> str | None:
        return next((row[0] for row in self._find((STACK_FILES.c.text,), tenant=tenant, name=name)), None)

    def file_names(self, tenant: str) -> list[str]:
        return [row[0] for row in self._find((STACK_FILES.c.name,), (STACK_FILES.c.name,), tenant=tenant)]

    def file_tenants(self) -> list[str]:
        return sorted({row[0] for row in self._find((STACK_FILES.c.tenant,))})

    def save_file(self, tenant: str, name: str, text: str) -> None:
        row = {"tenant": tenant, "name": name, "text": text, "updated_at": self._clock.now()}
        self._put(STACK_FILES, ("tenant", "name"), [row])

    def remove_file(self, tenant: str, name: str) -> None:
        self._remove(STACK_FILES, tenant=tenant, name=name)

    def remove_files(self, tenant: str) -> None:
        self._remove(STACK_FILES, tenant=tenant)
