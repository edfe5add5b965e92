"""weir produce and consume: lines, keys, headers, codecs, tombstones, bytes that are no text, where to begin and when to end."""

import subprocess

from command_line import WEIR, WITHIN_S, attempt, refused, weir, weir_json
from scenario import BOOTSTRAP, equal, unique


def main() -> None:
    topic = unique("greetings")
    refused("produce", topic, "--value", "x", code=1, says=("there is no topic", f"weir topic create {topic}"))
    weir("produce", topic, "--create", stdin="one\ntwo\nthree\n")
    equal("lines", weir("consume", topic), "one\ntwo\nthree\n")
    equal("--count", weir("consume", topic, "--count", "2"), "one\ntwo\n")
    equal("the last", weir("consume", topic, "--from", "-1"), "three\n")
    equal("from an offset", weir("consume", topic, "--from", "1", "-n", "1"), "two\n")
    equal("since", weir("consume", topic, "--since", "1h"), "one\ntwo\nthree\n")
    refused("consume", topic, "--from", "yesterday", code=2, says=("earliest, latest",))
    refused("consume", topic[:-1], code=1, says=(f"did you mean {topic}?",))
    keys_and_headers()
    codecs()
    reads_on()
    print("lines, keys, headers, five codecs, JSON, a follower")


def keys_and_headers() -> None:
    topic = unique("keyed")
    weir("topic", "create", topic)
    weir("produce", topic, "--key", "k1", "-H", "trace=abc", "-H", "empty=", "--value", "größe")
    weir("produce", topic, "--key-separator", "\\t", stdin="k2\tv2\nk3\tv\t3\n")
    weir("produce", topic, "--key", "k1", "--tombstone")
    refused("produce", topic, "-s", ":", stdin="no separator\n", code=1, says=("line 1", "key separator"))
    equal("keys", weir("consume", topic, "--keys"), "k1\tgröße\nk2\tv2\nk3\tv\t3\nk1\tnull\n")
    equal("headers", weir("consume", topic, "-H", "-k", "-n", "1", "--separator", "|"), "trace=abc,empty=|k1|größe\n")
    records = weir_json("consume", topic)
    equal("keys and values as JSON", [(r["key"], r["value"]) for r in records][2:], [("k3", "v\t3"), ("k1", None)])
    equal("offsets", [r["offset"] for r in records], [0, 1, 2, 3])
    equal("headers as JSON", records[0]["headers"], [{"name": "trace", "value": "abc"}, {"name": "empty", "value": ""}])


def codecs() -> None:
    topic = unique("packed")
    weir("topic", "create", topic)
    lines = {codec: "".join(f"{codec} {number}\n" for number in range(200)) for codec in ("none", "gzip", "snappy", "lz4", "zstd")}
    for codec, text in lines.items():
        weir("produce", topic, "-z", codec, stdin=text)
    equal("through five codecs", weir("consume", topic), "".join(lines.values()))


def reads_on() -> None:
    """--follow waits for what is to come, and --count ends it."""
    topic = unique("followed")
    weir("topic", "create", topic)
    follower = subprocess.Popen(
        [WEIR, "consume", topic, "--follow", "--count", "3", "--bootstrap", BOOTSTRAP], stdout=subprocess.PIPE, text=True
    )
    try:
        for line in ("a", "b", "c"):
            weir("produce", topic, "--value", line)
        equal("followed", follower.communicate(timeout=WITHIN_S)[0], "a\nb\nc\n")
        equal("exit code", follower.returncode, 0)
    finally:
        follower.kill()
        follower.wait()
    equal("a partition that is not there", attempt("consume", topic, "-p", "7").code, 1)


if __name__ == "__main__":
    main()
