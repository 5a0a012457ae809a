"""`make bench`: the embedded default through its gateway, alternating with a bare hello in the same run."""

import argparse
import statistics

from tests.bench import load, servers


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="alternations of hello and steps")
    parser.add_argument("--seconds", type=float, default=6, help="length of each measurement")
    parser.add_argument("--clients", type=int, nargs="*", default=[1, 4, 16])
    asked = parser.parse_args()
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


if __name__ == "__main__":
    main()
