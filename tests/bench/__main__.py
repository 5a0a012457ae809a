"""`make bench`: the embedded default through its gateway, alternating with a bare hello in the same run."""

import argparse
import statistics
import tempfile
from pathlib import Path

from tests.bench import fill, lists, load, servers


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="alternations of hello and steps")
    parser.add_argument("--seconds", type=float, default=6, help="length of each measurement")
    parser.add_argument("--clients", type=int, nargs="*", default=[1, 4, 16])
    parser.add_argument("--cases", type=int, help="fill a folder with so many cases and compare it with an empty one")
    parser.add_argument("--data", type=Path, help="keep the filled folder there, or use the one that is there")
    asked = parser.parse_args()
    if asked.cases:
        with_many(asked.cases, asked.data, asked.rounds, asked.seconds)
        return
    print("| clients | steps/s | hello/s | ratio | p50 ms | p95 ms | p99 ms | CPU ms/step | RSS MB |")
    print("|---|---|---|---|---|---|---|---|---|")
    with servers.system() as system, servers.hello() as hello:
        staff = system.staff()
        load.steps(system.url, staff, 2, 2)  # warm
        for clients in asked.clients:
            rows = [_round(system, hello, staff, clients, asked.seconds) for _ in range(asked.rounds)]
            print(
                "| "
                + " | ".join([str(clients), *(f"{statistics.median(column):.3g}" for column in zip(*rows, strict=True))])
                + " |"
            )


def _round(
    system: servers.Server, hello: servers.Server, staff: list[dict[str, object]], clients: int, seconds: float
) -> tuple[float, ...]:
    bare = load.hellos(hello.url, clients, seconds / 2)
    before = system.cpu_seconds()
    done = load.steps(system.url, staff, clients, seconds)
    cpu = 1000 * (system.cpu_seconds() - before) / done.count
    times = (done.percentile(0.5), done.percentile(0.95), done.percentile(0.99))
    return (done.rate, bare.rate, done.rate / bare.rate, *times, cpu, system.rss_megabytes())


def with_many(cases: int, kept: Path | None, rounds: int, seconds: float) -> None:
    """Lists and steps over many cases, the steps alternating with those of an empty system."""
    with tempfile.TemporaryDirectory() as folder:
        data = kept or Path(folder)
        if not (data / "complaints.sqlite").exists():
            fill.fill(data, cases)
        with servers.system(data) as full, servers.system() as empty:
            print("| list | p50 ms | p95 ms |\n|---|---|---|")
            for name, (median, late) in lists.measure(load.Worker(full.url, full.staff())).items():
                print(f"| {name} | {median:.1f} | {late:.1f} |")
            for system in (full, empty):
                load.steps(system.url, system.staff(), 2, 2)  # warm
            pairs = [[load.steps(s.url, s.staff(), 4, seconds) for s in (full, empty)] for _ in range(rounds)]
            print("| 4 clients | full | empty | ratio |\n|---|---|---|---|")
            for name, figure in (
                ("steps/s", lambda f: f.rate),
                ("p50 ms", lambda f: f.percentile(0.5)),
                ("p99 ms", lambda f: f.percentile(0.99)),
            ):
                ours, theirs = (statistics.median(figure(pair[place]) for pair in pairs) for place in (0, 1))
                print(f"| {name} | {ours:.1f} | {theirs:.1f} | {ours / theirs:.2f} |")


if __name__ == "__main__":
    main()
