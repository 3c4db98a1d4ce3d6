"""The text files that come with fastpxe."""

from importlib.resources import files


def texts(folder: str) -> dict[str, str]:
    """What is in all files of a folder of the package, by their names.

    Read them when a module is imported: `serve` becomes another user later, who may be kept out of
    the folder that fastpxe itself is in, such as a home.
    """
    found = files("fastpxe").joinpath(folder).iterdir()
    return {one.name: one.read_text(encoding="utf-8") for one in found if one.is_file()}
