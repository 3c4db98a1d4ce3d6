"""The firmware that boots: its requests, what it does with an offer, its menus and error codes."""
