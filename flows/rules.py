"""The settings that decide what a scan is: when they change, what was made by them is looked at again."""

import hashlib
import json

from flows.site import Site


def reading_rules(site: Site) -> str:
    """16 hex digits that change when the settings that decide kinds, dates and repairs change."""
    scans = site.settings.scans
    rules: list[object] = [site.settings.site.time_zone, scans.dates, sorted(scans.kinds.items())]
    if scans.repair:  # none is how it always was
        rules.append(sorted(scans.repair))
    text = json.dumps(rules)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
