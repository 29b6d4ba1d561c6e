"""How a list ended, before a cut-off is applied."""


def ending_of(lane: str, n_found: int, *, k: int, has_own_lane: bool, is_dated: bool) -> str:
    """Return the code of scans.outcome.

    Args:
        lane: "own" or "others".
        n_found: Scans in the list.
        k: Most patients of a list of others.
        has_own_lane: The scan's patient id can be trusted.
        is_dated: The scan's place in time is known, or nothing is asked of dates.
    """
    if lane == "own" and not has_own_lane:
        return "no-own-lane"
    if not is_dated:
        return "date-unknown"
    if n_found == 0:
        return "no-prior"
    return "fewer-than-k" if lane == "others" and n_found < k else "ok"
