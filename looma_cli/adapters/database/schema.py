"""Generated from tables.py by `make schema`: do not edit."""

# ruff: noqa
# fmt: off
STATEMENTS = {
    "sqlite": (
        """
CREATE TABLE installation (
    number INTEGER NOT NULL,
    id TEXT NOT NULL,
    created_at DATETIME NOT NULL,
    CONSTRAINT pk_installation PRIMARY KEY (number),
    CONSTRAINT ck_installation_one_row CHECK (number = 1)
)
""",
        """
CREATE TABLE hosts (
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    address TEXT NOT NULL,
    status TEXT NOT NULL,
    labels JSON NOT NULL,
    engine JSON NOT NULL,
    capacity JSON,
    used JSON,
    checked_at DATETIME,
    host_key TEXT NOT NULL,
    cordoned BOOLEAN NOT NULL,
    declared JSON,
    engine_id TEXT,
    CONSTRAINT pk_hosts PRIMARY KEY (name),
    CONSTRAINT uq_hosts_url UNIQUE (url),
    CONSTRAINT uq_hosts_engine_id UNIQUE (engine_id)
)
""",
        """
CREATE TABLE tenants (
    name TEXT NOT NULL,
    display_name TEXT NOT NULL,
    edition TEXT NOT NULL,
    release TEXT NOT NULL,
    profile TEXT NOT NULL,
    host TEXT NOT NULL,
    status TEXT NOT NULL,
    hostname TEXT,
    public_port INTEGER NOT NULL,
    address TEXT NOT NULL,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    data_generation INTEGER NOT NULL,
    app_generation INTEGER NOT NULL,
    port_policy TEXT NOT NULL,
    images TEXT NOT NULL,
    health TEXT NOT NULL,
    checked_at DATETIME,
    last_backup DATETIME,
    platform BOOLEAN NOT NULL,
    settings JSON NOT NULL,
    certificate TEXT,
    sealed_key TEXT,
    last_proof DATETIME,
    CONSTRAINT pk_tenants PRIMARY KEY (name),
    CONSTRAINT uq_tenants_hostname UNIQUE (hostname)
)
""",
        """
CREATE TABLE quarantined_ports (
    host TEXT NOT NULL,
    address TEXT NOT NULL,
    host_port INTEGER NOT NULL,
    protocol TEXT NOT NULL,
    expires_at DATETIME NOT NULL,
    CONSTRAINT pk_quarantined_ports PRIMARY KEY (host, address, host_port, protocol)
)
""",
        """
CREATE TABLE operations (
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    tenant TEXT NOT NULL,
    host TEXT NOT NULL,
    status TEXT NOT NULL,
    "plan" JSON NOT NULL,
    started_at DATETIME NOT NULL,
    finished_at DATETIME,
    direction TEXT NOT NULL,
    result JSON NOT NULL,
    error TEXT,
    CONSTRAINT pk_operations PRIMARY KEY (id)
)
""",
        """
CREATE INDEX ix_operations_started_at ON operations (started_at)
""",
        """
CREATE INDEX ix_operations_tenant_started_at ON operations (tenant, started_at)
""",
        """
CREATE UNIQUE INDEX uq_operations_open_tenant ON operations (tenant) WHERE status IN ('pending', 'running', 'paused', 'interrupted')
""",
        """
CREATE TABLE leases (
    resource TEXT NOT NULL,
    owner TEXT NOT NULL,
    machine TEXT NOT NULL,
    pid INTEGER NOT NULL,
    process_started BIGINT NOT NULL,
    operation TEXT,
    why TEXT NOT NULL,
    acquired_at DATETIME NOT NULL,
    expires_at DATETIME NOT NULL,
    child INTEGER,
    child_started BIGINT,
    CONSTRAINT pk_leases PRIMARY KEY (resource)
)
""",
        """
CREATE TABLE backups (
    id TEXT NOT NULL,
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL,
    created_at DATETIME NOT NULL,
    edition TEXT NOT NULL,
    release TEXT NOT NULL,
    location TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    stored_bytes BIGINT NOT NULL,
    datastores JSON NOT NULL,
    missing JSON NOT NULL,
    verified_at DATETIME,
    restore_ms BIGINT,
    problem TEXT NOT NULL,
    CONSTRAINT pk_backups PRIMARY KEY (id)
)
""",
        """
CREATE INDEX ix_backups_tenant_created_at ON backups (tenant, created_at)
""",
        """
CREATE TABLE schedules (
    name TEXT NOT NULL,
    specification JSON NOT NULL,
    installed_at DATETIME NOT NULL,
    CONSTRAINT pk_schedules PRIMARY KEY (name)
)
""",
        """
CREATE TABLE stack_files (
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    text TEXT NOT NULL,
    updated_at DATETIME NOT NULL,
    CONSTRAINT pk_stack_files PRIMARY KEY (tenant, name)
)
""",
        """
CREATE TABLE allocations (
    id INTEGER NOT NULL,
    host TEXT NOT NULL,
    address TEXT NOT NULL,
    host_port INTEGER NOT NULL,
    protocol TEXT NOT NULL,
    tenant TEXT,
    layer TEXT NOT NULL,
    generation INTEGER NOT NULL,
    component TEXT NOT NULL,
    container_port INTEGER NOT NULL,
    canonical BOOLEAN NOT NULL,
    state TEXT NOT NULL,
    CONSTRAINT pk_allocations PRIMARY KEY (id),
    CONSTRAINT uq_allocations_host_address_host_port_protocol UNIQUE (host, address, host_port, protocol),
    CONSTRAINT fk_allocations_tenant FOREIGN KEY(tenant) REFERENCES tenants (name) ON DELETE CASCADE
)
""",
        """
CREATE INDEX ix_allocations_host_host_port ON allocations (host, host_port)
""",
        """
CREATE INDEX ix_allocations_tenant ON allocations (tenant)
""",
        """
CREATE TABLE subnets (
    id INTEGER NOT NULL,
    host TEXT NOT NULL,
    cidr TEXT NOT NULL,
    tenant TEXT NOT NULL,
    layer TEXT NOT NULL,
    generation INTEGER NOT NULL,
    name TEXT NOT NULL,
    CONSTRAINT pk_subnets PRIMARY KEY (id),
    CONSTRAINT uq_subnets_host_cidr UNIQUE (host, cidr),
    CONSTRAINT fk_subnets_tenant FOREIGN KEY(tenant) REFERENCES tenants (name) ON DELETE CASCADE
)
""",
        """
CREATE INDEX ix_subnets_tenant ON subnets (tenant)
""",
        """
CREATE TABLE secrets (
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    sealed TEXT NOT NULL,
    CONSTRAINT pk_secrets PRIMARY KEY (tenant, name),
    CONSTRAINT fk_secrets_tenant FOREIGN KEY(tenant) REFERENCES tenants (name) ON DELETE CASCADE
)
""",
        """
CREATE TABLE operation_steps (
    operation TEXT NOT NULL,
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    started_at DATETIME,
    duration_ms BIGINT,
    detail TEXT NOT NULL,
    CONSTRAINT pk_operation_steps PRIMARY KEY (operation, position),
    CONSTRAINT fk_operation_steps_operation FOREIGN KEY(operation) REFERENCES operations (id) ON DELETE CASCADE
)
""",
        """
CREATE TABLE health_results (
    tenant TEXT NOT NULL,
    position INTEGER NOT NULL,
    component TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    healthy BOOLEAN NOT NULL,
    latency_ms FLOAT,
    detail TEXT NOT NULL,
    checked_at DATETIME NOT NULL,
    CONSTRAINT pk_health_results PRIMARY KEY (tenant, position),
    CONSTRAINT fk_health_results_tenant FOREIGN KEY(tenant) REFERENCES tenants (name) ON DELETE CASCADE
)
""",
        """
CREATE TABLE kept_layers (
    tenant TEXT NOT NULL,
    layer TEXT NOT NULL,
    generation INTEGER NOT NULL,
    host TEXT NOT NULL,
    keep_until DATETIME NOT NULL,
    reason TEXT NOT NULL,
    record JSON NOT NULL,
    CONSTRAINT pk_kept_layers PRIMARY KEY (tenant, layer, generation),
    CONSTRAINT fk_kept_layers_tenant FOREIGN KEY(tenant) REFERENCES tenants (name) ON DELETE CASCADE
)
""",
        """
CREATE TABLE reservations (
    host TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    memory_bytes BIGINT NOT NULL,
    disk_bytes BIGINT NOT NULL,
    CONSTRAINT pk_reservations PRIMARY KEY (host, sequence),
    CONSTRAINT uq_reservations_tenant_host UNIQUE (tenant, host),
    CONSTRAINT fk_reservations_tenant FOREIGN KEY(tenant) REFERENCES tenants (name) ON DELETE CASCADE
)
""",
        """
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))
""",
    ),
    "postgresql": (
        """
CREATE TABLE installation (
    number INTEGER NOT NULL,
    id TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_installation PRIMARY KEY (number),
    CONSTRAINT ck_installation_one_row CHECK (number = 1)
)
""",
        """
CREATE TABLE hosts (
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    address TEXT NOT NULL,
    status TEXT NOT NULL,
    labels JSON NOT NULL,
    engine JSON NOT NULL,
    capacity JSON,
    used JSON,
    checked_at TIMESTAMP WITH TIME ZONE,
    host_key TEXT NOT NULL,
    cordoned BOOLEAN NOT NULL,
    declared JSON,
    engine_id TEXT,
    CONSTRAINT pk_hosts PRIMARY KEY (name),
    CONSTRAINT uq_hosts_url UNIQUE (url),
    CONSTRAINT uq_hosts_engine_id UNIQUE (engine_id)
)
""",
        """
CREATE TABLE tenants (
    name TEXT NOT NULL,
    display_name TEXT NOT NULL,
    edition TEXT NOT NULL,
    release TEXT NOT NULL,
    profile TEXT NOT NULL,
    host TEXT NOT NULL,
    status TEXT NOT NULL,
    hostname TEXT,
    public_port INTEGER NOT NULL,
    address TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    data_generation INTEGER NOT NULL,
    app_generation INTEGER NOT NULL,
    port_policy TEXT NOT NULL,
    images TEXT NOT NULL,
    health TEXT NOT NULL,
    checked_at TIMESTAMP WITH TIME ZONE,
    last_backup TIMESTAMP WITH TIME ZONE,
    platform BOOLEAN NOT NULL,
    settings JSON NOT NULL,
    certificate TEXT,
    sealed_key TEXT,
    last_proof TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_tenants PRIMARY KEY (name),
    CONSTRAINT uq_tenants_hostname UNIQUE (hostname)
)
""",
        """
CREATE TABLE quarantined_ports (
    host TEXT NOT NULL,
    address TEXT NOT NULL,
    host_port INTEGER NOT NULL,
    protocol TEXT NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_quarantined_ports PRIMARY KEY (host, address, host_port, protocol)
)
""",
        """
CREATE TABLE operations (
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    tenant TEXT NOT NULL,
    host TEXT NOT NULL,
    status TEXT NOT NULL,
    plan JSON NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE,
    direction TEXT NOT NULL,
    result JSON NOT NULL,
    error TEXT,
    CONSTRAINT pk_operations PRIMARY KEY (id)
)
""",
        """
CREATE INDEX ix_operations_started_at ON operations (started_at)
""",
        """
CREATE INDEX ix_operations_tenant_started_at ON operations (tenant, started_at)
""",
        """
CREATE UNIQUE INDEX uq_operations_open_tenant ON operations (tenant) WHERE status IN ('pending', 'running', 'paused', 'interrupted')
""",
        """
CREATE TABLE leases (
    resource TEXT NOT NULL,
    owner TEXT NOT NULL,
    machine TEXT NOT NULL,
    pid INTEGER NOT NULL,
    process_started BIGINT NOT NULL,
    operation TEXT,
    why TEXT NOT NULL,
    acquired_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    child INTEGER,
    child_started BIGINT,
    CONSTRAINT pk_leases PRIMARY KEY (resource)
)
""",
        """
CREATE TABLE backups (
    id TEXT NOT NULL,
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    edition TEXT NOT NULL,
    release TEXT NOT NULL,
    location TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    stored_bytes BIGINT NOT NULL,
    datastores JSON NOT NULL,
    missing JSON NOT NULL,
    verified_at TIMESTAMP WITH TIME ZONE,
    restore_ms BIGINT,
    problem TEXT NOT NULL,
    CONSTRAINT pk_backups PRIMARY KEY (id)
)
""",
        """
CREATE INDEX ix_backups_tenant_created_at ON backups (tenant, created_at)
""",
        """
CREATE TABLE schedules (
    name TEXT NOT NULL,
    specification JSON NOT NULL,
    installed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_schedules PRIMARY KEY (name)
)
""",
        """
CREATE TABLE stack_files (
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    text TEXT NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_stack_files PRIMARY KEY (tenant, name)
)
""",
        """
CREATE TABLE allocations (
    id SERIAL NOT NULL,
    host TEXT NOT NULL,
    address TEXT NOT NULL,
    host_port INTEGER NOT NULL,
    protocol TEXT NOT NULL,
    tenant TEXT,
    layer TEXT NOT NULL,
    generation INTEGER NOT NULL,
    component TEXT NOT NULL,
    container_port INTEGER NOT NULL,
    canonical BOOLEAN NOT NULL,
    state TEXT NOT NULL,
    CONSTRAINT pk_allocations PRIMARY KEY (id),
    CONSTRAINT uq_allocations_host_address_host_port_protocol UNIQUE (host, address, host_port, protocol),
    CONSTRAINT fk_allocations_tenant FOREIGN KEY(tenant) REFERENCES tenants (name) ON DELETE CASCADE
)
""",
        """
CREATE INDEX ix_allocations_host_host_port ON allocations (host, host_port)
""",
        """
CREATE INDEX ix_allocations_tenant ON allocations (tenant)
""",
        """
CREATE TABLE subnets (
    id SERIAL NOT NULL,
    host TEXT NOT NULL,
    cidr TEXT NOT NULL,
    tenant TEXT NOT NULL,
    layer TEXT NOT NULL,
    generation INTEGER NOT NULL,
    name TEXT NOT NULL,
    CONSTRAINT pk_subnets PRIMARY KEY (id),
    CONSTRAINT uq_subnets_host_cidr UNIQUE (host, cidr),
    CONSTRAINT fk_subnets_tenant FOREIGN KEY(tenant) REFERENCES tenants (name) ON DELETE CASCADE
)
""",
        """
CREATE INDEX ix_subnets_tenant ON subnets (tenant)
""",
        """
CREATE TABLE secrets (
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    sealed TEXT NOT NULL,
    CONSTRAINT pk_secrets PRIMARY KEY (tenant, name),
    CONSTRAINT fk_secrets_tenant FOREIGN KEY(tenant) REFERENCES tenants (name) ON DELETE CASCADE
)
""",
        """
CREATE TABLE operation_steps (
    operation TEXT NOT NULL,
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE,
    duration_ms BIGINT,
    detail TEXT NOT NULL,
    CONSTRAINT pk_operation_steps PRIMARY KEY (operation, position),
    CONSTRAINT fk_operation_steps_operation FOREIGN KEY(operation) REFERENCES operations (id) ON DELETE CASCADE
)
""",
        """
CREATE TABLE health_results (
    tenant TEXT NOT NULL,
    position INTEGER NOT NULL,
    component TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    healthy BOOLEAN NOT NULL,
    latency_ms FLOAT,
    detail TEXT NOT NULL,
    checked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_health_results PRIMARY KEY (tenant, position),
    CONSTRAINT fk_health_results_tenant FOREIGN KEY(tenant) REFERENCES tenants (name) ON DELETE CASCADE
)
""",
        """
CREATE TABLE kept_layers (
    tenant TEXT NOT NULL,
    layer TEXT NOT NULL,
    generation INTEGER NOT NULL,
    host TEXT NOT NULL,
    keep_until TIMESTAMP WITH TIME ZONE NOT NULL,
    reason TEXT NOT NULL,
    record JSON NOT NULL,
    CONSTRAINT pk_kept_layers PRIMARY KEY (tenant, layer, generation),
    CONSTRAINT fk_kept_layers_tenant FOREIGN KEY(tenant) REFERENCES tenants (name) ON DELETE CASCADE
)
""",
        """
CREATE TABLE reservations (
    host TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    memory_bytes BIGINT NOT NULL,
    disk_bytes BIGINT NOT NULL,
    CONSTRAINT pk_reservations PRIMARY KEY (host, sequence),
    CONSTRAINT uq_reservations_tenant_host UNIQUE (tenant, host),
    CONSTRAINT fk_reservations_tenant FOREIGN KEY(tenant) REFERENCES tenants (name) ON DELETE CASCADE
)
""",
        """
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))
""",
    ),
}
