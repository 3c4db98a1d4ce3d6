"""Why dnsmasq is silent, in the words that both kinds of configuration share.

The engine has finer words of its own, since dnsmasq logs some of these cases and not others.
"""

from fastpxe._codec import Reason

REASONS: dict[str, Reason] = {
    # What can't be read (engine.message).
    "short": Reason.SHORT,
    "op": Reason.NOT_A_REQUEST,
    "hlen": Reason.BAD_HLEN,
    "htype": Reason.BAD_HLEN,
    "cookie": Reason.BAD_MAGIC,
    # Where it came in (engine.ranges, engine.engine).
    "port": Reason.NO_RANGE,
    "interface": Reason.NO_RANGE,
    "bridge": Reason.NO_RANGE,
    "no-address": Reason.NO_RANGE,
    "no-range": Reason.NO_RANGE,
    "range-filter": Reason.NO_RANGE,
    "pool": Reason.NO_RANGE,
    "not-enabled": Reason.NO_RULE,
    # What it asks for (engine.decide).
    "bootp": Reason.NOT_PXE,
    "not-pxe": Reason.NOT_PXE,
    "no-arch": Reason.NO_ARCH,
    "message-type": Reason.WRONG_TYPE,
    "for-other-server": Reason.FOR_OTHER_SERVER,
    "chose-us": Reason.CHOSE_US,
    "ignored": Reason.DENIED,
    "item-ignored": Reason.DENIED,
    "bis": Reason.CREDENTIALS,
    "unknown-item": Reason.UNSERVED_ITEM,
    "item-range": Reason.UNSERVED_ITEM,
    "no-destination": Reason.NO_DESTINATION,
}
