"""Groups in the HSS's database: what goes in comes out, names are unique, members are found by list and by rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from diameter.errors import ConfigError
from nfs.common.database import database_url, open_engine
from nfs.common.identities import IdentityError
from nfs.hss import cards, registrations, waiting_tables
from nfs.hss import tables as subscribers
from nfs.hss.groups import tables
from nfs.hss.groups.logic import Group, Trait, TraitKind, authorise, resolve
from nfs.hss.logic import Error, ExternalId, Refused, Service, Subscriber

TRIGGER = Service.DEVICE_TRIGGER
FLEET = Group(
    external_id="fleet@customer.example",
    local_id="local-7",
    members=("meter-2@customer.example", "meter-1@customer.example"),
    rights=frozenset({("15550001", TRIGGER)}),
)
RULED = Group(external_id="ruled@customer.example", rules=frozenset({Trait(TraitKind.AREA, "00101-0001")}))


def subscriber(number: int, *names: str, **changed: object) -> Subscriber:
    external_ids = tuple(ExternalId(identifier=name) for name in names or (f"meter-{number}@customer.example",))
    one = Subscriber(imsi=f"00101000000000{number}", external_ids=external_ids, services=frozenset({TRIGGER}))
    return replace(one, **changed)  # type: ignore[arg-type]


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    engine = open_engine(database_url("hss.db", tmp_path), migrations="nfs.hss:migrations", name="hss")
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def reached(connection: Connection, group: Group) -> list[str]:
    members = resolve(tables.candidates(connection, group, TRIGGER))
    return [each.external_id for each in members if not each.left_out]


def test_the_migrations_make_the_tables_that_the_code_knows(connection: Connection) -> None:
    context = MigrationContext.configure(connection, opts={"version_table": "hss_revision"})
    others = {each.metadata for each in (cards.CARD, registrations.REGISTRATION, waiting_tables.CENTRE)}
    assert others == {subscribers.METADATA}
    assert compare_metadata(context, subscribers.METADATA) == []


def test_a_group_comes_back_whole_and_goes_whole(connection: Connection) -> None:
    tables.make(connection, FLEET)
    tables.make(connection, RULED)
    assert list(tables.every(connection)) == [FLEET, RULED]
    changed = replace(FLEET, members=(), rights=frozenset(), local_id="")
    tables.make(connection, changed, replace=True)
    assert tables.find(connection, FLEET.external_id) == changed
    assert tables.remove(connection, FLEET.external_id)
    assert not tables.remove(connection, FLEET.external_id)
    assert tables.find(connection, FLEET.external_id) is None


@pytest.mark.requirement("R-GRP-02")
def test_a_name_of_a_group_is_of_one_group_and_of_no_device(connection: Connection) -> None:
    """Over the networks it is unique because its domain is; in one, the database sees to it, and to the local one."""
    subscribers.save(connection, subscriber(1))
    tables.make(connection, FLEET)
    with pytest.raises(ConfigError, match=r"there is a group fleet@customer.example already"):
        tables.make(connection, replace(FLEET, external_id="fleet@Customer.Example"))
    with pytest.raises(ConfigError, match=r"fleet@customer.example has this local_id already"):
        tables.make(connection, replace(FLEET, external_id="other@customer.example"))
    with pytest.raises(ConfigError, match=r"is the External Identifier of a device"):
        tables.make(connection, Group(external_id="meter-1@customer.example"))
    assert tables.named(connection, ["meter-1@customer.example", FLEET.external_id]) == (FLEET.external_id,)
    with pytest.raises(IdentityError, match="local-id@domain-id"):
        Group(external_id="fleet")


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"members": ("a@b.example", "a@B.example")}, "named twice"),
        ({"members": (FLEET.external_id,)}, "the group itself"),
        ({"local_id": "x" * 65}, "local_id"),
    ],
)
def test_what_is_no_group(wrong: dict[str, object], match: str) -> None:
    with pytest.raises(IdentityError, match=match):
        replace(FLEET, **wrong)  # type: ignore[arg-type]
    with pytest.raises(IdentityError, match="area"):
        Trait(TraitKind.AREA, "")


def test_a_list_has_its_order_and_each_device_once(connection: Connection) -> None:
    subscribers.save(connection, subscriber(1, "meter-1@customer.example", "spare-1@customer.example"))
    subscribers.save(connection, subscriber(2))
    subscribers.save(connection, subscriber(3, barred=True))
    subscribers.save(connection, subscriber(4, sms=False))
    subscribers.save(connection, subscriber(5, services=frozenset({Service.SMS_MO})))
    names = ("meter-2", "meter-1", "spare-1", "meter-3", "meter-4", "meter-5", "meter-6")
    group = replace(FLEET, members=tuple(f"{name}@customer.example" for name in names))
    tables.make(connection, group)
    members = list(resolve(tables.candidates(connection, group, TRIGGER)))
    assert {each.external_id.partition("@")[0]: each.left_out for each in members} == {
        "meter-2": "",
        "meter-1": "",
        "spare-1": "the same device under another name",
        "meter-3": "barred",
        "meter-4": "no SMS in its subscription",
        "meter-5": "the service is not in its subscription",
        "meter-6": "no subscriber has this identity",
    }
    assert [each.imsi for each in members[:2]] == ["001010000000002", "001010000000001"]


@pytest.mark.requirement("R-GRP-46")
def test_members_by_area_feature_and_owner_are_those_of_the_moment(connection: Connection) -> None:
    area, other = Trait(TraitKind.AREA, "00101-0001"), Trait(TraitKind.AREA, "00101-0002")
    feature, owner = Trait(TraitKind.FEATURE, "water-meter"), Trait(TraitKind.OWNER, "acme")
    having = {1: (area, feature), 2: (other, feature), 3: (area, owner), 4: (owner,)}
    for number, traits in having.items():
        subscribers.save(connection, subscriber(number))
        tables.give(connection, f"meter-{number}@customer.example", traits)

    def numbers(*rules: Trait, members: tuple[str, ...] = ()) -> list[int]:
        group = Group(external_id="g@customer.example", rules=frozenset(rules), members=members)
        return [int(name[6]) for name in reached(connection, group)]

    assert numbers(area) == [1, 3]
    assert numbers(area, other) == [1, 2, 3]
    assert numbers(area, feature) == [1]
    assert numbers(owner) == [3, 4]
    assert numbers(owner, members=("meter-4@customer.example", "meter-1@customer.example")) == [4, 1, 3]
    assert numbers() == []
    tables.give(connection, "meter-1@customer.example", (other,))
    assert numbers(area) == [3]
    assert tables.traits(connection)["meter-1@customer.example"] == (other,)


def test_a_subscriber_imported_anew_stays_in_its_groups(connection: Connection) -> None:
    subscribers.save(connection, subscriber(1))
    tables.make(connection, FLEET)
    subscribers.save(connection, subscriber(1, msisdn="15550100001"))
    assert reached(connection, FLEET) == ["meter-1@customer.example"]


@pytest.mark.requirement("C-GEN-04")
def test_a_device_is_in_no_group_or_in_several_and_is_named_by_itself(connection: Connection) -> None:
    one, several, none = (f"meter-{number}@customer.example" for number in (1, 2, 3))
    for number in (1, 2, 3):
        subscribers.save(connection, subscriber(number))
    first = replace(FLEET, members=(one, several))
    second = replace(FLEET, external_id="night@customer.example", local_id="", members=(several,))
    for group in (first, second):
        tables.make(connection, group)
    assert reached(connection, first) == [one, several]
    assert reached(connection, second) == [several]
    found = [each for group in (first, second) for each in resolve(tables.candidates(connection, group, TRIGGER))]
    assert {each.external_id: each.imsi for each in found} == {one: "001010000000001", several: "001010000000002"}
    assert none not in {each.external_id for each in found}


def test_more_names_than_one_question_takes(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "CHUNK", 2)
    for number in range(1, 6):
        subscribers.save(connection, subscriber(number))
    group = replace(FLEET, members=tuple(f"meter-{number}@customer.example" for number in range(5, 0, -1)))
    assert reached(connection, group) == list(group.members)


@pytest.mark.parametrize(
    ("group", "scs", "service", "error"),
    [
        (None, "15550001", 0, Error.USER_UNKNOWN),
        (FLEET, "15550002", 0, Error.UNAUTHORIZED_REQUESTING_ENTITY),
        (FLEET, None, 0, Error.UNAUTHORIZED_REQUESTING_ENTITY),
        (FLEET, "15550001", 1, Error.UNAUTHORIZED_REQUESTING_ENTITY),
    ],
)
def test_who_may_not_message_a_group(group: Group | None, scs: str | None, service: int, error: Error) -> None:
    with pytest.raises(Refused) as refused:
        authorise(group, scs, service)
    assert refused.value.error is error
    assert authorise(FLEET, "15550001", 0) is authorise(FLEET, "15550001", None) is FLEET
