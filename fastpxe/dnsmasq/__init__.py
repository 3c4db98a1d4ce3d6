"""The dnsmasq front end: its configuration syntax, and its decisions in proxy mode."""
