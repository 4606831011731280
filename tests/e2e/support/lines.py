"""Sends its lines as messages, and prints those that come, as websocat does: python3-websockets, from Debian."""

import asyncio
import ssl
import sys
from urllib.parse import urlsplit

import websockets

uri, ca, cert, key, cookie = sys.argv[1:]


async def main():
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(cert, key)
    headers = {"Cookie": cookie}
    async with websockets.connect(
        uri,
        ssl=context,
        host="127.0.0.1",
        server_hostname=urlsplit(uri).hostname,
        extra_headers=headers,
    ) as socket:
        print(await socket.recv(), flush=True)
        for line in sys.stdin:
            await socket.send(line.rstrip("\n"))
            print(await socket.recv(), flush=True)


asyncio.run(main())
