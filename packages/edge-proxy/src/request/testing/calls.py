"""A client of gRPC (C core, from Debian) for calls.full.test.ts: one scenario, one line of JSON each."""

import json
import sys
import threading

import grpc

folder, port, cookie, scenario = sys.argv[1:]


def read(name):
    with open(f"{folder}/{name}.pem", "rb") as file:
        return file.read()


channel = grpc.secure_channel(
    f"127.0.0.1:{port}",
    grpc.ssl_channel_credentials(read("ca"), read("key"), read("cert")),
    options=[
        ("grpc.ssl_target_name_override", "app.corp.test"),
        ("grpc.max_receive_message_length", 64 << 20),
        ("grpc.max_send_message_length", 64 << 20),
        ("grpc.enable_retries", 0),
    ],
)
metadata = [("x-asked-bin", bytes([0, 255])), ("x-asked", "one"), ("x-asked", "two")]
if cookie:
    metadata.append(("cookie", cookie))
unary = channel.unary_unary("/test.Calls/Unary")
server = channel.unary_stream("/test.Calls/Server")
client = channel.stream_unary("/test.Calls/Client")
bidi = channel.stream_stream("/test.Calls/Bidi")


def say(**what):
    print(json.dumps(what), flush=True)


def pairs(of):
    return [[key, value if isinstance(value, str) else value.hex()] for key, value in of or ()]


def ended(call):
    say(
        code=call.code().name,
        details=call.details(),
        initial=pairs(call.initial_metadata()),
        trailing=pairs(call.trailing_metadata()),
    )


def failing(call):
    """Reads to the end, which is no good one."""
    try:
        for message in call:
            say(message=message.decode())
    except grpc.RpcError:
        ended(call)


if scenario == "unary":
    answer, call = unary.with_call(b"hello", metadata=metadata, timeout=60)
    say(answer=answer.decode())
    ended(call)
elif scenario == "fails":
    try:
        unary(b"fail", metadata=metadata)
    except grpc.RpcError as error:
        ended(error)
elif scenario == "server":
    call = server(b"5", metadata=metadata)
    say(answers=[message.decode() for message in call])
    ended(call)
elif scenario == "client":
    answer, call = client.with_call(
        (str(number).encode() for number in range(5)), metadata=metadata
    )
    say(answer=answer.decode())
    ended(call)
elif scenario == "bidi":
    # Each is sent only once the one before has come back.
    turns = threading.Semaphore(1)

    def messages():
        for number in range(5):
            turns.acquire()
            yield str(number).encode()

    call = bidi(messages(), metadata=metadata)
    answers = []
    for message in call:
        answers.append(message.decode())
        turns.release()
    say(answers=answers)
    ended(call)
elif scenario == "large":
    size = 32 << 20
    answer, call = unary.with_call(b"x" * size, metadata=metadata)
    say(same=answer == b"x" * size)
    ended(call)
elif scenario == "many":
    calls = [unary.future(str(number).encode(), metadata=metadata) for number in range(200)]
    say(answers=sum(call.result() == str(number).encode() for number, call in enumerate(calls)))
elif scenario == "deadline":
    # The connection is there, whatever the time that is measured then.
    unary(b"hello", metadata=metadata)
    try:
        unary(b"wait", metadata=metadata, timeout=1)
    except grpc.RpcError as error:
        ended(error)
elif scenario == "cancel":
    hold = threading.Event()

    def first():
        yield b"first"
        hold.wait()

    call = bidi(first(), metadata=metadata)
    say(message=next(call).decode())
    call.cancel()
    hold.set()
    say(code=call.code().name)
elif scenario == "stay":
    hold = threading.Event()

    def first():
        yield b"first"
        hold.wait()

    call = bidi(first(), metadata=metadata)
    failing(call)
    hold.set()
