"""What keeps a machine from booting, in plain words: the likely cause, and what to do.

Sources: the captures of firmware that failed, and the codes that it printed (firmware.error_codes).
"""

import msgspec


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a boot.

    name: a short word, stable across versions. text: what was seen. advice: what to do. code: what
    most firmware prints then, as `fastpxe doctor` explains it; "" for nothing of its own.
    """

    name: str
    text: str
    advice: str
    code: str = ""


def _problem(name: str, code: str, text: str, advice: str) -> tuple[str, Problem]:
    return name, Problem(name=name, text=text, advice=advice, code=code)


# {detail} is filled in by `problem`.
PROBLEMS: dict[str, Problem] = dict(
    [
        _problem(
            "no-dhcp", "PXE-E51",
            "it asks again and again, and was never heard to take an address",
            "no DHCP server gives it one: look for a full pool, a relay that doesn't reach the "
            "DHCP server, or a switch that drops answers; `fastpxe doctor` hears who answers",
        ),
        _problem(
            "unsent", "PXE-E51",
            "our answer couldn't be sent: {detail}",
            "an address of ours may be gone, or a firewall on this machine refuses it: see "
            "`ip address` and `nft list ruleset`",
        ),
        _problem(
            "no-4011", "PXE-E55",
            "it took an address, and then never asked port 4011",
            "our offer didn't reach it (DHCP snooping must trust fastpxe's port), UDP 4011 is "
            "blocked on its way to us, or another proxy's offer was first: `fastpxe doctor` "
            "hears both",
        ),
        _problem(
            "no-fetch", "PXE-E32",
            "it was told its file, and never asked for it",
            "UDP 69 (for a URL, its TCP port) is blocked on its way to us, our offer didn't reach "
            "it, or another proxy's did: `fastpxe doctor` hears both",
        ),
        _problem(
            "dead-offer", "PXE-E21",
            "its firmware can do nothing with our offer",
            "option 43 has a prompt or a control byte, but neither a menu nor, with bit 3 of 43.6, "
            "a file: name one in dhcp-boot or pxe-service; `fastpxe explain` shows the offer",
        ),
        _problem(
            "probe-only", "PXE-E32",
            "it asked how large its file is, and never fetched it",
            "the file may be larger than the firmware takes, or none for this architecture; else "
            "our data is blocked on its way: let through what comes from our ports",
        ),
        _problem(
            "stalled", "PXE-E32",
            "its download of {detail} stopped",
            "packets are lost on its way, or its block size is too large for a tunnel: "
            "try [tftp] mtu = 1400",
        ),
        _problem(
            "broken-off", "",
            "its download over HTTP broke off: {detail}",
            "a client that went away was reset or switched off, or gave up: its screen may say "
            "why; any other reason is this machine's own, such as a disk that fails",
        ),
        _problem(
            "client-error", "",
            "it broke its download off: {detail}",
            "the firmware's own reason stands in the text; a disk that is full and a file that is "
            "none for this architecture are the usual ones",
        ),
        _problem(
            "missing-file", "PXE-T01",
            "it asked for {detail}, which isn't there",
            "put the file under the root, or correct the rule; `fastpxe check` names all of them",
        ),
        _problem(
            "refused-file", "PXE-T02",
            "it was refused {detail}",
            "the reason stands behind the name",
        ),
        _problem(
            "too-many", "PXE-E32",
            "it waits for {detail}",
            "it asks again, and begins where another ends; else raise that limit of [tftp]",
        ),
        _problem(
            "unknown-arch", "PXE-E53",
            "no rule names its architecture, {detail}",
            "add a [[boot]] with arch = {detail}",
        ),
        _problem(
            "no-rule", "PXE-E53",
            "no rule matches it",
            "`fastpxe explain` says why each rule doesn't",
        ),
        _problem(
            "no-range", "PXE-E53",
            "no dhcp-range serves the network that it asks from",
            "add dhcp-range=SUBNET,proxy for it; `fastpxe explain` says which there are",
        ),
        _problem(
            "no-arch", "PXE-E53",
            "it names no architecture (option 93), and every rule asks for one",
            "add a [[boot]] without arch for such machines, below the others",
        ),
        _problem(
            "engine-error", "PXE-E53",
            "fastpxe failed to decide on its request",
            "this is a fault of fastpxe: please report the line of the log that begins with "
            "fault, and the lines below it",
        ),
        _problem(
            "chose-us", "PXE-E51",
            "it took our offer for one of an address",
            "look for a second DHCP server, or one whose option 67 is the last of its offer",
        ),
        _problem(
            "two-proxies", "",
            "it asks another server on our port 4011",
            "two proxyDHCP servers answer here: give one of them reply_delay_s, or stop it",
        ),
        _problem(
            "ipxe-loop", "",
            "iPXE loads iPXE, {detail} times by now",
            "iPXE has no script: add a rule with ipxe = true and the script above the one for it",
        ),
        _problem(
            "retry-storm", "",
            "it asks without a pause: {detail} times in a minute",
            "it hears no answer, or none that it likes; `fastpxe explain` shows what it is sent",
        ),
        _problem(
            "cut-file", "",
            "{detail} changed while it was fetched",
            "put new files in place by renaming them",
        ),
    ]
)  # fmt: skip


# By the word of _codec.Reason. What isn't here is nobody's problem, or passes.
PROBLEM_OF_SILENCE = {
    "chose_us": "chose-us",
    "engine_error": "engine-error",
    "no_arch": "no-arch",
    "no_range": "no-range",
    "no_rule": "no-rule",
    "other_server_id": "two-proxies",
    "unknown_arch": "unknown-arch",
}


def problem(name: str, detail: object = "") -> Problem:
    """Return the problem of that name, about a detail."""
    found = PROBLEMS[name]
    return msgspec.structs.replace(
        found,
        text=found.text.replace("{detail}", str(detail)),
        advice=found.advice.replace("{detail}", str(detail)),
    )
