from collections.abc import Iterator
from pathlib import Path

import pytest
from wire_rig import Wire


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    wire = Wire(tmp_path)
    yield wire
    wire.close()
