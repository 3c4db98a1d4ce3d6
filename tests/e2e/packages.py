"""What the boots need on this machine: a program or a file, and the Debian package it is in."""

import shutil
from pathlib import Path

PACKAGES = {
    "/usr/bin/python3-config": "python3-dev",
    "/usr/lib/PXELINUX/pxelinux.0": "pxelinux",
    "/usr/lib/grub/i386-pc/pxe.mod": "grub-pc-bin",
    "/usr/lib/grub/x86_64-efi/tftp.mod": "grub-efi-amd64-bin",
    "/usr/lib/ipxe/ipxe.lkrn": "ipxe",
    "/usr/lib/ipxe/qemu/efi-virtio.rom": "ipxe-qemu",
    "/usr/lib/ipxe/qemu/pxe-e1000.rom": "ipxe-qemu",
    "/usr/lib/ipxe/qemu/pxe-virtio.rom": "ipxe-qemu",
    "/usr/lib/ipxe/snponly.efi": "ipxe",
    "/usr/lib/ipxe/undionly.kpxe": "ipxe",
    "/usr/lib/shim/shimx64.efi": "shim-unsigned",
    "/usr/lib/syslinux/modules/bios/ldlinux.c32": "syslinux-common",
    "/usr/lib/syslinux/modules/bios/menu.c32": "syslinux-common",
    "/usr/lib/u-boot/qemu-x86_64/u-boot.rom": "u-boot-qemu",
    "/usr/share/AAVMF/AAVMF_CODE.fd": "qemu-efi-aarch64",
    "/usr/share/OVMF/OVMF32_CODE_4M.secboot.fd": "ovmf-ia32",
    "/usr/share/OVMF/OVMF_CODE_4M.fd": "ovmf",
    "/usr/share/doc/python3-venv": "python3-venv",
    "/usr/share/seabios/bios-256k.bin": "seabios",
    "atftp": "atftp",
    "busybox": "busybox",
    "chromium": "chromium",
    "clang": "clang",
    "curl": "curl",
    "dhcpd": "isc-dhcp-server",
    "dnsmasq": "dnsmasq-base",
    "dpkg-shlibdeps": "dpkg-dev",
    "ethtool": "ethtool",
    "grub-mkimage": "grub-common",
    "fish": "fish",
    "ip": "iproute2",
    "kea-dhcp4": "kea-dhcp4-server",
    "lld-link": "lld",
    "man": "man-db",
    "nasm": "nasm",
    "nft": "nftables",
    "nsenter": "util-linux",
    "qemu-system-aarch64": "qemu-system-arm",
    "qemu-system-x86_64": "qemu-system-x86",
    "systemd-analyze": "systemd",
    "tcpdump": "tcpdump",
    "tftp": "tftp-hpa",
    "zsh": "zsh",
}


def missing() -> list[str]:
    return sorted({package for needed, package in PACKAGES.items() if not is_present(needed)})


def is_present(needed: str) -> bool:
    return Path(needed).exists() if needed.startswith("/") else shutil.which(needed) is not None
