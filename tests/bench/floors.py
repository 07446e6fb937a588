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
