from pathlib import Path

import packages


def test_packages_txt_lists_what_the_boots_need() -> None:
    listed = Path(packages.__file__).with_suffix(".txt").read_text().split()
    assert listed == sorted(set(packages.PACKAGES.values()))
