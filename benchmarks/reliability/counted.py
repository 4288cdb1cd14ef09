"""The last line of every trial here: trial | tried | clean | wrong."""


def tell(trial: str, tried: int, wrong: int) -> int:
    """Prints what came of a trial; returns the exit code, 1 if anything was wrong."""
    print(f"{trial} | {tried:,} | {tried - wrong:,} | {wrong:,}")
    return int(wrong > 0)
