"""The tables of a shelf; `migrations` makes them."""

from sqlalchemy import JSON, Column, DateTime, Float, ForeignKey, Integer, MetaData, String, Table, Text

metadata = MetaData()

pages = Table(
    "pages",
    metadata,
    Column("number", Integer, primary_key=True),  # the order in which they came
    Column("id", String(32), unique=True, nullable=False),
    Column("book", String(200), nullable=False, index=True),
    Column("name", String(200), nullable=False),
    Column("image", String(64), nullable=False),  # the file by its SHA-256, as it was handed in
    Column("view", String(64)),  # a JPEG of it that every browser shows
    Column("thumbnail", String(64)),
    Column("reading", String(64)),  # the page's JSON, as it was read
    Column("current", String(64)),  # the same with all corrections
    Column("state", String(12), nullable=False, index=True),  # queued, reading, read, corrected, failed
    Column("failure", Text, nullable=False, default=""),
    Column("attempts", Integer, nullable=False, default=0),
    Column("version", Integer, nullable=False, default=0),
    Column("searched", Text, nullable=False, default=""),
    Column("characters", Integer, nullable=False, default=0),
    Column("sureness", Float, nullable=False, default=0.0),  # the mean probability of its answers
    Column("added", DateTime(timezone=True), nullable=False),
    Column("changed", DateTime(timezone=True), nullable=False),
    Column("changed_by", String(100), nullable=False, default=""),
)

FILES = ("image", "view", "thumbnail", "reading", "current")
"""The columns of a page that name files."""

corrections = Table(
    "corrections",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("page", String(32), ForeignKey("pages.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("version", Integer, nullable=False),  # of the page, after it
    Column("character", String(64), nullable=False),
    Column("before", JSON),  # an entry of `corrections.Spot`, or null where there was none
    Column("after", JSON),
    Column("who", String(100), nullable=False),
    Column("when", DateTime(timezone=True), nullable=False),
    Column("undoes", Integer),  # the correction that this one takes back, or makes again
)

users = Table(
    "users",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("name", String(100), unique=True, nullable=False),
    Column("password", String(200), nullable=False),  # what argon2 makes of it
    Column("role", String(12), nullable=False),
    Column("added", DateTime(timezone=True), nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("key", String(64), primary_key=True),  # the SHA-256 of what the browser has
    Column("name", String(100), nullable=False),
    Column("role", String(12), nullable=False),
    Column("until", DateTime(timezone=True), nullable=False),
)
