"""What one keeps of an article: a slug of its title, a checksum, and the day on which it is due again."""

import hashlib
import re
import unicodedata
from datetime import datetime, timedelta


def slugify(text):
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def run(row):
    at = datetime.fromisoformat(row["at"])
    return {
        "slug": slugify(row["title"]),
        "sha256": hashlib.sha256(row["title"].encode()).hexdigest(),
        "due": (at + timedelta(days=30)).strftime("%Y-%m-%d"),
        "weekday": at.isoweekday(),
    }
