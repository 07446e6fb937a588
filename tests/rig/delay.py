"""A wire as long as its first argument says (seconds of round trip): what comes in on one port goes to another that much later.

The kernel's own way (netem) is not in every kernel. Usage: delay.py SECONDS PORT TARGET_PORT, both on 127.0.0.1; runs until its
standard input ends.
"""

import asyncio
import sys

CHUNK_BYTES = 65536
IN_FLIGHT = 256  # chunks on the wire in one direction


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    wire: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(IN_FLIGHT)
    clock = asyncio.get_running_loop().time

    async def arrive() -> None:
        data = b"first"
        while data:
            due, data = await wire.get()
            await asyncio.sleep(max(0.0, due - clock()))
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

    arriving = asyncio.create_task(arrive())
    data = b"first"
    while data:
        data = await reader.read(CHUNK_BYTES)
        await wire.put((clock() + seconds, data))
    await arriving


async def main(round_trip: float, port: int, target: int) -> None:
    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(1.5 * round_trip)  # the kernel has answered the handshake at once, and the server must not hear of it earlier
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
            half = round_trip / 2
            await asyncio.gather(carry(reader, far_writer, half), carry(far_reader, writer, half))
            far_writer.close()
        except OSError:
            pass  # either end has gone: so does the other
        finally:
            writer.close()

    over = asyncio.Event()
    asyncio.get_running_loop().add_reader(0, over.set)
    async with await asyncio.start_server(connection, "0.0.0.0", port):
        print("ready", flush=True)
        await over.wait()


asyncio.run(main(float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
