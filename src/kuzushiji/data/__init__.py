"""Files in, arrays out: every source of characters yields `CharacterImages`."""
