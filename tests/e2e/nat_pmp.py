"""A router's NAT-PMP (RFC 6886): gives TCP ports of its outside address to one host behind it, and takes them back.

Runs in the router's namespace: nat_pmp.py OUTSIDE INSIDE. Prints a line for each mapping that it makes or removes.
"""

from __future__ import annotations

import socket
import struct
import subprocess
import sys

PORT = 5351
ADDRESS, MAP_TCP, ANSWER = 0, 2, 128


def nft(*words: str) -> None:
    subprocess.run(["nft", *words], check=True)


def main() -> None:
    outside, inside = sys.argv[1:]
    nft("add chain ip home given { type nat hook prerouting priority dstnat; }")
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("", PORT))
    print("ready", flush=True)
    while True:
        asked, asker = server.recvfrom(64)
        if asker[0] != inside or len(asked) < 2 or asked[0] != 0:
            continue
        if asked[1] == ADDRESS:
            server.sendto(struct.pack("!BBHI4s", 0, ANSWER, 0, 1, socket.inet_aton(outside)), asker)
        elif asked[1] == MAP_TCP and len(asked) == 12:
            _, _, _, port, wanted, seconds = struct.unpack("!BBHHHI", asked)
            nft("flush chain ip home given")
            if seconds > 0:
                nft(f"add rule ip home given iifname eth0 tcp dport {wanted} dnat to {inside}:{port}")
            print(f"{'mapped' if seconds else 'removed'} {wanted} {port}", flush=True)
            server.sendto(struct.pack("!BBHIHHI", 0, ANSWER + MAP_TCP, 0, 1, port, wanted, seconds), asker)


if __name__ == "__main__":
    main()
