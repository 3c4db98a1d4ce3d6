"""The line of every key, and of what has none of its own."""

import pytest

from fastpxe.policy.toml_lines import as_key, line_of, lines_of

TEXT = """top = 1
[dhcp]
ports = [67]

[[boot]]
file = "a"
[[boot.item]]
text = "t"
[[boot]]
[[boot.item]]
[[boot.item]]
"text" = "u"
[tftp.remap]
"old.efi" = "new.efi"
"""


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("top", 1),
        ("dhcp", 2),
        ("dhcp.ports", 3),
        ("dhcp.ports[0]", 3),
        ("dhcp.none", 2),
        ("boot[0].file", 6),
        ("boot[0].item[0].text", 8),
        ("boot[1]", 9),
        ("boot[1].item[1]", 11),
        ("boot[1].item[1].text", 12),
        ("boot[1].item[1].none", 11),
        ('tftp.remap."old.efi"', 14),
        ("none", 1),
    ],
)
def test_each_key_has_its_line_or_that_of_its_table(key: str, line: int) -> None:
    assert line_of(dict(lines_of(TEXT)), key) == line


@pytest.mark.parametrize(("name", "key"), [("a-b_1", "a-b_1"), ("a.b", '"a.b"'), ("é", '"é"')])
def test_a_key_is_quoted_where_it_has_to_be(name: str, key: str) -> None:
    assert as_key(name) == key
