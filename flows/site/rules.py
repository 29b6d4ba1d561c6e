"""The settings and rules that decide what a scan is: when they change, what was made by them is looked at again."""

import hashlib
import json

from db.kinds import serving_classifiers
from flows.site.opened import Site
from scans.acquired import RULE_VERSION
from scans.stack import GROUPING

TELLING_APART = 2  # raised whenever the code says otherwise who is whose, so that every series is looked at again


def reading_rules(site: Site) -> str:
    """16 hex digits that change when the settings that decide kinds, dates, persons, pictures and repairs change.

    So they do with the classifiers that tell kinds from pixels.
    """
    with site.db.read() as connection:
        classifiers = [row.id for row in serving_classifiers(connection)]
    scans = site.settings.scans
    seen = [scans.pictures, scans.pictures_of_burned_in, sorted(scans.placeholder_ids), sorted(scans.repair)]
    versions = [TELLING_APART, RULE_VERSION, GROUPING]
    decided = [versions, site.settings.site.time_zone, scans.dates, sorted(scans.kinds.items()), seen]
    text = json.dumps([*decided, classifiers] if classifiers else decided)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
