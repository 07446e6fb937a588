"""Port conflicts, comparison, recommendation and the JSON documents of the shipped editions."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from looma_cli.adapters.catalog import YamlCatalog
from looma_cli.errors import InvalidValue
from looma_cli.model.edition import Edition, Price
from looma_cli.plan.editions import (
    Needs,
    Recommendation,
    compare,
    comparison_document,
    conflict_document,
    edition_document,
    port_conflicts,
    recommend,
    recommendation_document,
)

CATALOG = YamlCatalog(Path(__file__).resolve().parents[2] / "editions")
EDITIONS = CATALOG.editions()


def best(**needs: object) -> Recommendation:
    return recommend(EDITIONS, Needs(**needs))[0]  # type: ignore[arg-type]


# --- port conflicts ---


def test_conflicts_are_exactly_the_five_of_the_contract() -> None:
    found = {c.port: {(claim.edition, claim.component) for claim in c.claims} for c in port_conflicts(EDITIONS)}
    assert found == {
        8206: {("future", "multi-database-service"), ("dao", "dao-ai-service")},
        9200: {("looma-core", "elasticsearch"), ("dao", "dao-admin-frontend")},
        9201: {("basic", "elasticsearch"), ("dao", "dao-monitor-frontend")},
        9202: {("pro", "elasticsearch"), ("dao", "dao-config-frontend")},
        9203: {("future", "elasticsearch"), ("dao", "dao-log-frontend")},
    }
    assert [c.port for c in port_conflicts(EDITIONS)] == sorted(found)


def test_a_port_of_three_editions_makes_three_pairs() -> None:
    basic = CATALOG.edition("basic")
    one_service = [replace(basic, name=name, components=basic.components[:1]) for name in ("a", "b", "c")]
    pairs = [tuple(claim.edition for claim in c.claims) for c in port_conflicts(one_service)]
    assert pairs == [("a", "b"), ("a", "c"), ("b", "c")]


def test_what_the_edge_provides_and_what_stays_inside_claims_nothing() -> None:
    core = CATALOG.edition("looma-core")
    nginx = replace(core, components=(core.component("nginx"),))
    assert port_conflicts([nginx, replace(nginx, name="other")]) == []
    mysql = core.component("mysql")
    inside = replace(core, components=(replace(mysql, ports=(replace(mysql.ports[0], canonical=None),)),))
    assert port_conflicts([inside, replace(inside, name="other")]) == []


def test_conflict_document() -> None:
    assert conflict_document(port_conflicts(EDITIONS)[0]) == {
        "port": 8206,
        "claims": [{"edition": "future", "component": "multi-database-service"}, {"edition": "dao", "component": "dao-ai-service"}],
    }


# --- comparison ---


def test_comparison_of_basic_and_future() -> None:
    result = compare(CATALOG.edition("basic"), CATALOG.edition("future"))
    assert result.datastores.added == ("weaviate",)
    assert result.datastores.removed == ()
    assert result.infrastructure.added == ("taro-h5",)
    assert result.services.removed == ("basic-server",)
    assert result.services.added[-5:] == ("ai-service", "ai-gateway", "mineru-service", "ai-models-service", "unified-auth-service")
    assert result.features.kept == ("基础功能",)
    assert result.price_difference == 2700
    assert result.memory_bytes_difference == 12 * 2**30


def test_comparison_the_other_way_round_is_its_mirror() -> None:
    there, back = (compare(CATALOG.edition(a), CATALOG.edition(b)) for a, b in (("pro", "dao"), ("dao", "pro")))
    assert there.services.added == back.services.removed
    assert there.services.removed == back.services.added
    assert set(there.features.kept) == set(back.features.kept)
    assert there.price_difference == -back.price_difference
    assert there.cpus_difference == -back.cpus_difference


def test_an_edition_compared_with_itself_differs_in_nothing() -> None:
    basic = CATALOG.edition("basic")
    result = compare(basic, basic)
    assert result.features.kept == basic.features
    assert [p.added + p.removed for p in (result.features, result.services, result.datastores, result.infrastructure)] == [()] * 4
    assert (result.price_difference, result.cpus_difference, result.disk_bytes_difference) == (0, 0, 0)


def test_prices_in_two_currencies_have_no_difference() -> None:
    basic = CATALOG.edition("basic")
    assert compare(basic, replace(basic, price=Price(99, "EUR"))).price_difference is None


def test_comparison_document_is_json() -> None:
    document = comparison_document(compare(CATALOG.edition("basic"), CATALOG.edition("pro")))
    assert json.loads(json.dumps(document)) == document
    assert (document["first"], document["second"]) == ("basic", "pro")
    assert document["services"]["added"] == ["api-gateway", "multi-database-service"]
    assert document["price"]["difference"] == 700
    assert document["requirements"]["difference"] == {"cpus": 2.0, "memory_bytes": 4 * 2**30, "disk_bytes": 40 * 2**30}


# --- recommendation ---


@pytest.mark.parametrize(
    ("needs", "edition"),
    [
        ({}, "basic"),
        ({"company_size": "small"}, "basic"),
        ({"company_size": "medium"}, "pro"),
        ({"company_size": "large"}, "future"),
        ({"ai": True}, "future"),
        ({"company_size": "large", "ai": True}, "future"),
        ({"governance": True}, "dao"),
        ({"ai": True, "governance": True}, "dao"),
        ({"identity": True}, "blockchain"),
        ({"company_size": "large", "budget": 1000}, "pro"),
        ({"budget": 299}, "basic"),
    ],
)
def test_the_best_edition_for_needs(needs: dict[str, object], edition: str) -> None:
    first = best(**needs)
    assert first.edition.name == edition
    assert first.suitable
    assert first.reasons


def test_every_edition_for_sale_is_ranked_and_the_platform_is_not() -> None:
    names = [r.edition.name for r in recommend(EDITIONS, Needs())]
    assert sorted(names) == sorted(e.name for e in EDITIONS if e.kind == "edition")


def test_hard_needs_come_before_any_score() -> None:
    ranked = recommend(EDITIONS, Needs(company_size="small", ai=True))
    assert [r.suitable for r in ranked] == [True, True, False, False, False]
    assert {r.edition.name for r in ranked if r.suitable} == {"future", "dao"}
    missing = next(r for r in ranked if r.edition.name == "basic")
    assert missing.misses == ("has no AI",)
    assert "made for small companies" in missing.reasons


def test_a_budget_is_hard_and_says_so() -> None:
    ranked = {r.edition.name: r for r in recommend(EDITIONS, Needs(budget=999))}
    assert [name for name, r in ranked.items() if r.suitable] == ["basic", "pro"]
    assert ranked["pro"].reasons[-1] == "999 CNY a month, within the budget of 999"
    assert ranked["future"].misses == ("2999 CNY a month is not within the budget of 999 CNY",)


def test_a_price_in_another_currency_is_not_within_the_budget() -> None:
    foreign = replace(CATALOG.edition("basic"), price=Price(10, "EUR"))
    assert recommend([foreign], Needs(budget=500))[0].misses == ("10 EUR a month is not within the budget of 500 CNY",)


def test_when_nothing_fits_the_nearest_comes_first_and_nothing_is_suitable() -> None:
    ranked = recommend(EDITIONS, Needs(ai=True, identity=True))
    assert not any(r.suitable for r in ranked)
    assert [len(r.misses) for r in ranked] == sorted(len(r.misses) for r in ranked)


def test_the_ranking_does_not_depend_on_the_order_of_the_catalog() -> None:
    needs = Needs(company_size="medium", governance=True)
    assert recommend(EDITIONS[::-1], needs) == recommend(EDITIONS, needs)
    assert recommend([], needs) == []


def test_scores_are_between_0_and_100() -> None:
    for needs in (Needs(), Needs("small", True, True, True, 0), Needs("large", budget=10**9)):
        assert all(0 <= r.score <= 100 for r in recommend(EDITIONS, needs))


@pytest.mark.parametrize("bad", [{"company_size": "huge"}, {"budget": -1}, {"budget": float("nan")}, {"budget": float("inf")}])
def test_needs_that_make_no_sense_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(InvalidValue):
        Needs(**bad)  # type: ignore[arg-type]


def test_recommendation_document() -> None:
    assert recommendation_document(best(identity=True, budget=6000)) == {
        "edition": "blockchain",
        "title": "区块链版",
        "score": 73,
        "suitable": True,
        "reasons": ["has identity", "brings governance without need", "5999 CNY a month, within the budget of 6000"],
        "misses": [],
        "price": {"monthly": 5999, "currency": "CNY", "example": True},
    }


# --- the edition's document ---


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda e: e.name)
def test_edition_document_is_json_with_the_contracts_keys(edition: Edition) -> None:
    document = edition_document(edition)
    assert json.loads(json.dumps(document)) == document
    contract = {"name", "title", "audience", "features", "price", "requirements", "releases", "components"}
    assert contract <= document.keys()
    assert [c["name"] for c in document["components"]] == [c.name for c in edition.components]
    assert all({"name", "kind", "port"} <= c.keys() for c in document["components"])


def test_edition_document_of_basic() -> None:
    document = edition_document(CATALOG.edition("basic"))
    assert document["price"] == {"monthly": 299, "currency": "CNY", "example": True}
    assert document["requirements"] == {"cpus": 4.0, "memory_bytes": 12 * 2**30, "disk_bytes": 40 * 2**30, "example": True}
    assert document["releases"] == ["1.4.1", "1.4.2", "1.5.0"]
    assert document["traits"]["company_size"] == ["small"]
    components = {c["name"]: c for c in document["components"]}
    assert components["basic-server"]["port"] == 8000
    assert components["neo4j"]["port"] == 7475
    assert components["neo4j"]["ports"][1] == {"name": "bolt", "port": 7688, "container_port": 7687, "protocol": "tcp"}
    assert components["mysql"]["profiles"] == ["lite", "full"]
    assert components["user-service"]["path"] == "/user-service"
