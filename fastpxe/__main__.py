"""`python -m fastpxe` is the `fastpxe` command."""

from fastpxe.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
