#!/usr/bin/env python3
"""Two clients that ask a daemon for everything it can do, and for what it must refuse: see many-requests.sh."""

import argparse
import collections
import json
import random
import select
import socket
import sys
import threading
import time

WORDS = (
    "the river carries cold water past an old mill where grain was ground for bread and people spoke about "
    "weather prices war and love while their children learned to count the stones along the bank"
).split()

parser = argparse.ArgumentParser()
parser.add_argument("--socket", required=True)
parser.add_argument("--pid", type=int, required=True)
parser.add_argument("--context", type=int, required=True)
parser.add_argument("--requests", type=int, required=True)
parser.add_argument("--seconds", type=float, required=True)
parser.add_argument("--seed", type=int, required=True)
parser.add_argument("--words", type=int, required=True)
parser.add_argument("--tokens", type=int, required=True)
options = parser.parse_args()


def exchange(method, path, body, cancel_after=None):
    """The status of an answer and its bytes; with `cancel_after`, hangs up when so many pieces have come."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(300)
        connection.connect(options.socket)
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        rest = memoryview(head.encode() + body)
        # A daemon that wants no more answers at once, and waits for the client to see it.
        while rest and not select.select([connection], [], [], 0)[0]:
            readable, _, _ = select.select([connection], [connection], [], 300)
            if not readable:
                rest = rest[connection.send(rest[:65536]) :]
        answer = b""
        while True:
            piece = connection.recv(65536)
            if not piece:
                break
            answer += piece
            if cancel_after is not None and answer.count(b"data: ") >= cancel_after:
                break
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0, answer


def resident():
    """KiB of the daemon in memory."""
    with open(f"/proc/{options.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def bad(choose):
    """A request that must be refused with a status of 400 and more, below 500."""
    long = " ".join(WORDS[i % len(WORDS)] for i in range(2 * options.context))
    return choose.choice(
        [
            ("POST", "/v1/completions", b'{"prompt": "cut', "broken JSON"),
            ("POST", "/v1/completions", b'{"prompt": ""}', "an empty prompt"),
            ("POST", "/v1/completions", b'{"prompt": "x", "max_tokens": -1}', "a negative count"),
            ("POST", "/v1/completions", b'{"prompt": "x", "sparsity": "none-such"}', "an unknown profile"),
            ("POST", "/v1/completions", b'{"prompt": [99999999]}', "an unknown token"),
            ("POST", "/v1/completions", json.dumps({"prompt": long}).encode(), "a prompt beyond the context"),
            ("POST", "/v1/chat/completions", b'{"messages": 3}', "no messages"),
            ("GET", "/v1/nowhere", b"", "an unknown path"),
            ("DELETE", "/v1/models", b"", "a wrong method"),
            ("POST", "/v1/completions", b"x" * (2 << 20), "a body beyond the limit"),
        ]
    )


def good(choose):
    """Path and fields of a request that must be answered."""
    # Few words, some, and as many as there may be; as for tokens.
    count = max(int(options.words * choose.choice([0.01, 0.04, 0.1, 0.15, 0.4, 1])), 3)
    start = choose.randrange(len(WORDS))
    text = " ".join(WORDS[(start + i * choose.choice([1, 1, 3])) % len(WORDS)] for i in range(count))
    fields = {"max_tokens": max(int(options.tokens * choose.choice([0, 0.1, 0.2, 0.4, 1])), 1), "temperature": choose.choice([0, 0.8])}
    fields["stream"] = choose.random() < 0.5
    if choose.random() < 0.1:
        fields["sparsity"] = "dense"
    if choose.random() < 0.1 and not fields["stream"]:
        fields["logprobs"] = 3
    if choose.random() < 0.5:
        fields.pop("logprobs", None)
        return "/v1/chat/completions", {**fields, "messages": [{"role": "user", "content": text}]}
    return "/v1/completions", {**fields, "prompt": text}


counts = collections.Counter()
wrong = []
lock = threading.Lock()
numbers = iter(range(options.requests))
began = time.monotonic()


def ask(number):
    """One request; its kind follows from its number alone."""
    choose = random.Random(options.seed * 1_000_003 + number)
    kind = choose.random()
    if kind < 0.08:
        method, path, body, name = bad(choose)
        status, answer = exchange(method, path, body)
        return f"refused {status}", 400 <= status < 500 and b'"error"' in answer, f"{name}: {status}"
    path, fields = good(choose)
    if kind < 0.18:
        fields.update(stream=True, max_tokens=200)
        status, _ = exchange("POST", path, json.dumps(fields).encode(), choose.choice([1, 2, 5]))
        return f"cancelled {status}", status == 200, f"{path}: {status}"
    status, answer = exchange("POST", path, json.dumps(fields).encode())
    ended = b"data: [DONE]" in answer if fields["stream"] else b'"finish_reason"' in answer
    name = f"{'chat' if 'chat' in path else 'completion'}{' stream' if fields['stream'] else ''}"
    return f"{name} {status}", status == 200 and ended, f"{name}: {answer[-300:]!r}"


def client():
    while True:
        with lock:
            number = next(numbers, None)
        if number is None or options.seconds and time.monotonic() - began > options.seconds:
            return
        try:
            result, right, what = ask(number)
        except (OSError, ValueError) as error:
            result, right, what = "no answer", False, repr(error)
        with lock:
            counts[result] += 1
            if not right:
                wrong.append(f"request {number}: {what}")
            done = sum(counts.values())
            if done % 100 == 0:
                print(f"{done} requests, {time.monotonic() - began:.0f} s, {resident()} KiB", flush=True)


exchange("POST", "/v1/completions", b'{"prompt": "hello", "max_tokens": 1}')
before = resident()
clients = [threading.Thread(target=client) for _ in range(2)]
for thread in clients:
    thread.start()
for thread in clients:
    thread.join()
try:
    print(f"{sum(counts.values())} requests in {time.monotonic() - began:.0f} s")
    for result, count in sorted(counts.items()):
        print(f"  {result:24} {count}")
    print(f"memory: {before} KiB after the first request, {resident()} KiB after the last")
    status, answer = exchange("GET", "/health", b"")
    health = json.loads(answer.split(b"\r\n\r\n", 1)[1])
    memory = health.get("memory", {})
    print(f"health: {health['status']}, {memory.get('missed')} of {memory.get('wanted')} pieces read from storage")
    if health["status"] != "ok" or not memory.get("missed"):
        wrong.append(f"health: {health['status']}, {memory}")
except OSError as error:
    wrong.append(repr(error))
for line in wrong[:20]:
    print(line)
sys.exit(1 if wrong else 0)
