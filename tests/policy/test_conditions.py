"""Lists of cases decide as the tests that they were made of."""

from hypothesis import given
from hypothesis import strategies as st

from fastpxe.dhcp.identity import Pattern, parse_mac
from fastpxe.policy.conditions import (
    ANYBODY,
    NO,
    YES,
    Cases,
    Condition,
    Test,
    always,
    any_of,
    both,
    covers,
    either,
    meet,
    negation,
    only,
    when,
)
from fastpxe.policy.rules import Text

MACS = [parse_mac(text) for text in ("52:54:*", "52:54:00:*", "52:54:00:00:00:01", "00:*")]
ADDRESSES = [
    bytes.fromhex(h) for h in ("525400000001", "525400000002", "525401000000", "001122334455")
]
CLASSES = (b"PXEClient:Arch:00007:UNDI", b"PXEClient:Arch:00006:UNDI", b"PXEClient")
TEXTS = [Text(t, how) for t, how in ((b"Arch:00007", "contains"), (b"Arch:00006", "contains"),
                                     (b"PXEClient", "prefix"), (b"UNDI", "contains"))]  # fmt: skip

Client = tuple[int, bool, bytes, bytes]
CLIENTS = [(a, i, m, c) for a in (0, 7) for i in (False, True) for m in ADDRESSES for c in CLASSES]


def fits(pattern: Pattern, mac: bytes) -> bool:
    return all((a ^ b) & m == 0 for a, b, m in zip(pattern.value, mac, pattern.mask, strict=True))


def has(text: Text, vendor: bytes) -> bool:
    return vendor.startswith(text.text) if text.how == "prefix" else text.text in vendor


def is_met(condition: Condition, client: Client) -> bool:
    arch, ipxe, mac, vendor = client
    return (
        (condition.arches is None or arch in condition.arches)
        and (condition.ipxe is None or ipxe in condition.ipxe)
        and (condition.macs is None or any(fits(p, mac) for p in condition.macs))
        and (
            condition.vendor_classes is None
            or any(all(has(t, vendor) for t in parts) for parts in condition.vendor_classes)
        )
    )


def decided(cases: Cases[bool], client: Client) -> bool:
    return next(value for condition, value in cases if is_met(condition, client))


atoms = st.one_of(
    st.sampled_from([0, 7]).map(lambda arch: Condition(arches=(arch,))),
    st.booleans().map(lambda ipxe: Condition(ipxe=(ipxe,))),
    st.lists(st.sampled_from(MACS), min_size=1).map(lambda macs: any_of("macs", macs)),
    st.sampled_from(TEXTS).map(lambda text: Condition(vendor_classes=((text,),))),
)
expressions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.tuples(st.just("not"), inner),
        st.tuples(st.sampled_from(["and", "or"]), inner, inner),
    ),
    max_leaves=8,
)


def made_of(expression: object) -> Test:
    match expression:
        case Condition():
            return only(expression)
        case ("not", inner):
            return negation(made_of(inner))
        case ("and", one, other):
            return both(made_of(one), made_of(other))
        case ("or", one, other):
            return either(made_of(one), made_of(other))
    raise AssertionError(expression)


def truth(expression: object, client: Client) -> bool:
    match expression:
        case Condition():
            return is_met(expression, client)
        case ("not", inner):
            return not truth(inner, client)
        case ("and", one, other):
            return truth(one, client) and truth(other, client)
        case ("or", one, other):
            return truth(one, client) or truth(other, client)
    raise AssertionError(expression)


@given(expressions)
def test_a_test_holds_for_exactly_the_clients_that_it_says(expression: object) -> None:
    test = made_of(expression)
    assert test[-1][0] == ANYBODY
    for client in CLIENTS:
        assert decided(test, client) == truth(expression, client)


@given(atoms, atoms)
def test_two_conditions_meet_in_the_clients_that_are_both(one: Condition, other: Condition) -> None:
    common = meet(one, other)
    for client in CLIENTS:
        is_both = is_met(one, client) and is_met(other, client)
        assert is_both == (common is not None and is_met(common, client))
    if covers(one, other):
        assert all(is_met(one, c) for c in CLIENTS if is_met(other, c))


def test_a_condition_covers_itself_and_what_is_narrower() -> None:
    narrow, wide = any_of("macs", MACS[1:3]), any_of("macs", MACS[:1])
    assert covers(wide, narrow)
    assert not covers(narrow, wide)
    assert covers(ANYBODY, narrow)


def test_alternatives_within_another_are_left_out() -> None:
    assert any_of("macs", MACS[:3]) == Condition(macs=(MACS[0],))


def test_neighbours_with_the_same_answer_become_one_case() -> None:
    either_arch = either(only(Condition(arches=(7,))), only(Condition(arches=(9,))))
    assert either_arch == ((Condition(arches=(7, 9)), True), (ANYBODY, False))
    assert either(only(Condition(ipxe=(True,))), only(Condition(ipxe=(False,)))) == YES


def test_what_goes_without_saying_is_not_said() -> None:
    assert when(only(Condition(arches=(7,))), NO, NO) == NO
    seven = only(Condition(arches=(7,)))
    assert when(only(Condition(ipxe=(True,))), seven, seven) == seven
    assert when(seven, always(0), always(0)) == always(0)
