"""Stored files of tenants, for ``looma_cli.adapters.files.DatabaseFiles``."""

from __future__ import annotations

from looma_cli.adapters.database.columns import STACK_FILES
from looma_cli.adapters.database.section import Section


class FileSection(Section):
    def file(self, tenant: str, name: str) -> str | None:
        row = self._row([STACK_FILES.c.text], STACK_FILES.c.tenant == tenant, STACK_FILES.c.name == name)
        return row[0] if row is not None else None

    def file_names(self, tenant: str) -> list[str]:
        return [row[0] for row in self._rows([STACK_FILES.c.name], STACK_FILES.c.tenant == tenant, order=STACK_FILES.c.name)]

    def save_file(self, tenant: str, name: str, text: str) -> None:
        row = {"tenant": tenant, "name": name, "text": text, "updated_at": self._clock.now()}
        self._upsert(STACK_FILES, ("tenant", "name"), [row])

    def remove_file(self, tenant: str, name: str) -> None:
        self._delete(STACK_FILES, STACK_FILES.c.tenant == tenant, STACK_FILES.c.name == name)

    def remove_files(self, tenant: str) -> None:
        self._delete(STACK_FILES, STACK_FILES.c.tenant == tenant)
