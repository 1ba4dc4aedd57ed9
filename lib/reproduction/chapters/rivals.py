"""The proposed method against simpler ways of taking less of the training back."""

from collections.abc import Iterable

from reproduction.chapters.tables import Table, simple_table
from reproduction.study.stored_runs import Result

FORGOTTEN = 3.0  # percent: the D_t up to which the book's verdicts count a class as forgotten
RIVALS = ("baseline", "scaled", "stopped")


def differences(results: Iterable[Result], rival: str) -> list[tuple[str, float]]:
    """D_r of the proposed method minus the rival's, in points, where both forget the class.

    Returns:
        (model on data set, difference) for each run that has both.
    """
    found = []
    for result in results:
        rows = {row["method"]: row for row in result["rows"]}
        if rival in rows and max(rows[m]["d_t"] for m in (rival, "proposed")) <= FORGOTTEN:
            config = result["config"]
            gain = rows["proposed"]["d_r"] - rows[rival]["d_r"]
            found.append((f"{config['model']} on {config['dataset']}", gain))
    return found


def rivals_table(results: list[Result], *, caption: str) -> Table:
    """How often and by how much the proposed method keeps more than each rival."""
    rows = []
    for rival in RIVALS:
        gains = differences(results, rival)
        ahead = sum(gain > 0 for _, gain in gains)
        each = ", ".join(f"{name}: {gain:+.2f}" for name, gain in gains) or "–"
        rows.append([rival, f"{ahead} of {len(gains)}", each])
    return simple_table(
        rows,
        headings=("Against", "Proposed keeps more", "Difference in d_r, points"),
        caption=caption,
    )
