"""Uses much of the interpreter and its C extensions; prints the same on every run."""
import array
import collections
import hashlib
import json
import mmap
import os
import re
import struct
import sys
import zlib

state = 12345


def noise():
    global state
    state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
    return state >> 33


# Sorting 10^6 items.
numbers = [noise() for _ in range(1_000_000)]
numbers.sort()
print("sorted", numbers[0], numbers[len(numbers) // 2], numbers[-1], all(a <= b for a, b in zip(numbers, numbers[1:])))

# hashlib, zlib, struct, array.
blob = array.array("I", [n & 0xFFFFFFFF for n in numbers[:200_000]]).tobytes()
print("sha256", hashlib.sha256(blob).hexdigest())
print("md5", hashlib.md5(blob).hexdigest(), "blake2b", hashlib.blake2b(blob).hexdigest()[:32])
packed = zlib.compress(blob, 6)
print("zlib", len(packed), zlib.crc32(packed), zlib.adler32(blob), zlib.decompress(packed) == blob)
print("struct", struct.unpack("<IHbd", struct.pack("<IHbd", 1 << 31, 65535, -7, 2.5)))

# json, re, collections, big integers, floats.
table = {f"key{n}": {"value": n, "list": list(range(n % 7)), "text": "é☃" * (n % 3)} for n in range(5000)}
text = json.dumps(table, sort_keys=True)
print("json", len(text), json.loads(text) == table, hashlib.sha256(text.encode()).hexdigest()[:16])
print("re", len(re.findall(r'"key(\d*7)"', text)), re.sub(r"(\w+)\s(\w+)", r"\2 \1", "hello world"))
print("counter", sorted(collections.Counter(text).items())[:10])
print("integers", pow(3, 5000) % (10**40), 2**521 - 1)
print("floats", sum(1.0 / n for n in range(1, 10000)), repr(0.1 + 0.2))

# mmap: anonymous, private and shared over a file, growth, flush.
with mmap.mmap(-1, 1 << 20) as area:
    area[:5] = b"hello"
    area[-5:] = b"world"
    print("anonymous", area[:5], area[-5:], area.find(b"world"), area[100:104])
with open("mapped", "w+b") as file:
    file.write(bytes(range(256)) * 64)
    file.flush()
    with mmap.mmap(file.fileno(), 0) as shared, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as private:
        shared[4096:4100] = b"PAGE"
        private[0:4] = b"mine"
        shared.flush()
        file.seek(4094)
        print("shared", file.read(8), shared[:4], private[:4], private[4096:4100])
        shared.resize(32768)
        print("resized", len(shared), os.fstat(file.fileno()).st_size, shared[20000])
        file.seek(20000)
        file.write(b"through write")
        file.flush()
        print("coherent", shared[20000:20013])

# Files and folders.
os.makedirs("a/b/c")
for n in range(20):
    with open(f"a/file{n:02}", "w") as file:
        file.write("x" * n * 1000)
os.rename("a/file03", "a/b/moved")
os.unlink("a/file04")
print("files", sorted(os.listdir("a")), os.stat("a/b/moved").st_size)
print("walk", sorted((folder, len(files)) for folder, _, files in os.walk("a")))
read, write = os.pipe()
print("pipe", os.write(write, b"through a pipe"), os.read(read, 100))
try:
    os.open("a/b/none", os.O_RDONLY)
except FileNotFoundError as error:
    print("error", error.errno, error.strerror)

# Deep recursion, many objects, and their end.
sys.setrecursionlimit(20_000)


def depth(n):
    return 0 if n == 0 else 1 + depth(n - 1)


print("depth", depth(5000))
objects = [{"n": n, "pair": (n, str(n))} for n in range(200_000)]
print("objects", sum(o["n"] for o in objects))
del objects
buffer = bytearray(50_000_000)
buffer[::4096] = b"\x01" * len(buffer[::4096])
print("touched", sum(buffer[::4096]))
