"""A router that relays DHCP, between the machine and the servers.

machine ─ tap0 ─ br1 ─ 10.78.0.1 router 10.77.0.254 ─ br0 ─ dhcp 10.77.0.1, srv 10.77.0.2
"""

from testbed import Lab, make_bridge, router_advertisements

NEAR, FAR = "10.77.0.254", "10.78.0.1"
SERVERS = ("10.77.0.1", "10.77.0.2")


def put_machine_behind_router(lab: Lab) -> None:
    """Give the machine a network of its own, whose broadcasts don't leave it.

    The router is dnsmasq's relay, which sends each request to the DHCP server and to the responder.
    """
    make_bridge(lab.bridge, "br1")
    router = lab.attach("router", f"{NEAR}/24")
    lab.bridge.ip(f"""
        link set tap0 master br1
        link add far type veth peer name eth1 netns {router.path}
        link set far master br1 up
    """)
    router.ip(f"""
        address add {FAR}/24 dev eth1
        link set eth1 up
    """)
    router.run("ethtool", "-K", "eth1", "tx", "off")
    router.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
    for server in lab.dhcp, lab.srv:
        server.ip(f"route add 10.78.0.0/24 via {NEAR}")
    lab.stack.enter_context(router_advertisements(lab.bridge, "br1"))
    relays = (f"--dhcp-relay={FAR},{server}" for server in SERVERS)
    lab.start(
        "relay",
        router,
        [
            *("dnsmasq", "--conf-file=/dev/null", "--keep-in-foreground", "--log-facility=-"),
            *("--user=root", "--pid-file=", "--port=0", "--log-dhcp", *relays),
        ],
        "DHCP relay",
    )
