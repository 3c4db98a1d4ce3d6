from typing import get_args

from fastpxe.policy.schema import Profile
from fastpxe.resources import texts


def test_every_file_of_a_folder_is_there_by_its_name() -> None:
    found = texts("profiles")
    assert set(found) == {f"{name}.toml" for name in get_args(Profile)}
    assert all("[[boot]]" in text for text in found.values())
