"""Replies laid out as templates: what can't be rendered is refused when the policy is built."""
# ruff: noqa: N802 - C33 is the number of a protocol statement

from typing import Any

import pytest

from fastpxe.policy.replies import BASE_MAX, OPTIONS_AT, PXE, Reply, row, rows

PLAIN = Reply(
    family=PXE, names_server=False, offer_siaddr=0, ack_siaddr=0, file=b"f", offer_vendor=b"",
    ack_vendor=b"", bootfile=b"",
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"file": b"f" * 128}, "127"),
        ({"file": b"f\0g"}, "NUL"),
        ({"offer_vendor": bytes(254)}, "253"),
        ({"ack_vendor": bytes(254)}, "253"),
        ({"bootfile": bytes(256)}, "254"),
        ({"offer_vendor": bytes(20), "bootfile": bytes(245)}, "548"),
        ({"ack_vendor": bytes(20), "bootfile": bytes(245)}, "548"),
    ],
)
def test_C33_what_cannot_be_rendered_is_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        row(PLAIN._replace(**changes), echo_client_id=False)


@pytest.mark.parametrize(
    "changes",
    [
        {"file": b"f" * 127, "bootfile": bytes(255)},
        {"offer_vendor": bytes(253)},
        {"ack_vendor": bytes(20), "bootfile": bytes(244)},
    ],
)
def test_what_fits_leaves_room_for_a_guid_and_end(changes: dict[str, Any]) -> None:
    made = row(PLAIN._replace(**changes), echo_client_id=True)
    for template in (made.offer, made.ack, made.item_ack):
        assert OPTIONS_AT + len(template.options) + 2 + 17 + 1 <= BASE_MAX


def test_choices_of_menus_stand_behind_all_replies_in_their_order() -> None:
    first, second = PLAIN._replace(file=b"1"), PLAIN._replace(file=b"2")
    menu = PLAIN._replace(items=(first, second))
    other = PLAIN._replace(items=(second,))
    made = rows([menu, PLAIN, other], echo_client_id=False)
    assert [one.ack.file for one in made] == [b"f", b"f", b"f", b"1", b"2", b"2"]
    assert [(one.first_item, one.item_count) for one in made[:3]] == [(3, 2), (0, 0), (5, 1)]


def test_an_offer_of_a_menu_names_no_file() -> None:
    made = row(PLAIN._replace(items=(PLAIN,), bootfile=b"long\0"), echo_client_id=False)
    assert (made.offer.file, made.ack.file) == (b"", b"f")
    assert b"long" not in made.offer.options
