"""kcat, as people type it: metadata, produce with keys and headers in every codec, consume to the end, by time, in a group."""

import json
import subprocess

from scenario import BOOTSTRAP, equal, eventually, unique

WITHIN_S = 60
CODECS = ("gzip", "snappy", "lz4", "zstd")


def main() -> None:
    topic = unique("kcat")
    kcat("-P", "-t", topic, "-K:", "-H", "lang=en", stdin="a:one\nb:two\n")
    equal(
        "with keys and headers",
        kcat("-C", "-t", topic, "-e", "-q", "-f", "%p %o %k %s %h\n").splitlines(),
        ["0 0 a one lang=en", "0 1 b two lang=en"],
    )
    listed = json.loads(kcat("-L", "-J", "-t", topic))
    equal("listed topic and partitions", [(entry["topic"], len(entry["partitions"])) for entry in listed["topics"]], [(topic, 1)])
    equal("one broker, the controller", [broker["id"] for broker in listed["brokers"]], [listed["controllerid"]])

    for codec in CODECS:
        kcat("-P", "-t", topic, "-z", codec, stdin="".join(f"{codec} {number}\n" for number in range(200)))
    read = kcat("-C", "-t", topic, "-o", "2", "-e", "-q").splitlines()
    equal("every codec", read, [f"{codec} {number}" for codec in CODECS for number in range(200)])
    equal("the last three", kcat("-C", "-t", topic, "-o", "-3", "-e", "-q").splitlines(), [f"zstd {number}" for number in (197, 198, 199)])

    by_time(topic)
    in_a_group(topic, len(read) + 2)
    tombstone(topic)
    print(f"{len(read)} records through {', '.join(CODECS)}; by time; in a group")


def by_time(topic: str) -> None:
    """-Q asks for the first offset at or after a time; -1 and -2 stand for the end and the beginning."""
    times = {
        int(offset): int(time)
        for offset, time in (line.split() for line in kcat("-C", "-t", topic, "-e", "-q", "-f", "%o %T\n").splitlines())
    }
    middle = times[300]
    first_at_middle = min(offset for offset, time in times.items() if time >= middle)
    for asked, offset in ((middle, first_at_middle), (0, 0), (-2, 0), (-1, len(times))):
        equal(f"offset for time {asked}", kcat("-Q", "-t", f"{topic}:0:{asked}").split()[-1], str(offset))


def in_a_group(topic: str, count: int) -> None:
    group = unique("cats")
    first = kcat("-G", group, "-c", "100", "-q", "-X", "auto.offset.reset=earliest", topic).splitlines()
    rest = kcat("-G", group, "-c", str(count - 100), "-q", "-X", "auto.offset.reset=earliest", topic).splitlines()
    equal("read by the group in two sittings", (len(first), len(rest)), (100, count - 100))
    equal("nothing twice", len(set(first + rest)), count)


def tombstone(topic: str) -> None:
    kcat("-P", "-t", topic, "-K:", "-Z", stdin="gone:\n")
    eventually("the tombstone is read", lambda: kcat("-C", "-t", topic, "-o", "-1", "-e", "-q", "-f", "%k %S\n") == "gone -1\n")


def kcat(*arguments: str, stdin: str = "") -> str:
    finished = subprocess.run(
        ["kcat", "-b", BOOTSTRAP, *arguments], input=stdin, capture_output=True, text=True, timeout=WITHIN_S, check=False
    )
    if finished.returncode != 0:
        raise AssertionError(f"kcat {' '.join(arguments)} ended with {finished.returncode}:\n{finished.stderr}")
    return finished.stdout


if __name__ == "__main__":
    main()
