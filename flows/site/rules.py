"""The settings and rules that decide what a scan is: when they change, what was made by them is looked at again."""

import hashlib
import json

from flows.site.opened import Site
from scans.acquired import RULE_VERSION
from scans.stack import GROUPING

TELLING_APART = 2  # raised whenever the code says otherwise who is whose, so that every series is looked at again


def reading_rules(site: Site) -> str:
    """16 hex digits that change when the settings that decide kinds, dates, persons, pictures and repairs change."""
    scans = site.settings.scans
    seen = [scans.pictures, scans.pictures_of_burned_in, sorted(scans.placeholder_ids), sorted(scans.repair)]
    versions = [TELLING_APART, RULE_VERSION, GROUPING]
    text = json.dumps([versions, site.settings.site.time_zone, scans.dates, sorted(scans.kinds.items()), seen])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
