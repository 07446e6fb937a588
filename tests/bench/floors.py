"""The least that each figure could cost: small programs, run by the same interpreter."""

TYPER = """
import typer
app = typer.Typer()
@app.command()
def hello(name: str = "world"):
    \"\"\"Say hello.\"\"\"
    print("hello", name)
app(prog_name="hello")
"""

ROWS = """
import sys
from sqlmodel import Field, Session, SQLModel, create_engine, select
class Tenant(SQLModel, table=True):
    __tablename__ = "tenants"
    name: str = Field(primary_key=True)
    edition: str
    profile: str
    host: str
    status: str
    health: str
    public_port: int
with Session(create_engine(f"sqlite:///{sys.argv[1]}")) as session:
    for row in session.exec(select(Tenant).order_by(Tenant.name)):
        print(row.name, row.edition, row.profile, row.host, row.status, row.health, row.public_port)
"""

PORTS = """
import sys
from sqlmodel import Field, Session, SQLModel, create_engine, select
class Allocation(SQLModel, table=True):
    __tablename__ = "allocations"
    id: int = Field(primary_key=True)
    host: str
    address: str
    host_port: int
    protocol: str
    tenant: str
    layer: str
    component: str
    state: str
with Session(create_engine(f"sqlite:///{sys.argv[1]}")) as session:
    for row in session.exec(select(Allocation).where(Allocation.host == sys.argv[2]).order_by(Allocation.host_port)):
        print(row.host, row.address, row.host_port, row.protocol, row.tenant, row.layer, row.component, row.state)
"""
