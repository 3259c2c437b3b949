"""Parity table of the metrics: `python -m tests.parity_metrics` prints item, max abs error, tolerance."""

from __future__ import annotations

from tests.metrics.test_metrics_golden import a2d_rows, davis_rows


def main() -> None:
    """Print the table."""
    print("| item | max abs error | tolerance |\n|---|---|---|")
    for line in davis_rows() + a2d_rows():
        print(f"| {line.item} | {line.error:.1e} | {line.tolerance:.0e} |")


if __name__ == "__main__":
    main()
