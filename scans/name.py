"""The words of a person's name, however they are spelled: capitals, accents and the umlauts of a keyboard without."""

import re
import unicodedata

WORD = re.compile(r"[^\W\d_]{2,}")
WRITTEN_OUT = str.maketrans({"Ä": "AE", "Ö": "OE", "Ü": "UE", "Æ": "AE", "Ø": "OE", "Œ": "OE", "Å": "AA", "ß": "SS"})

WITH_E = re.compile(r"([AOU])E")


def words_of_name(name: str) -> frozenset[str]:
    """Return the words of a name in capitals, those with accents also without them and written out."""
    plain = unicodedata.normalize("NFC", name).upper()
    bare = "".join(sign for sign in unicodedata.normalize("NFD", plain) if not unicodedata.combining(sign))
    spellings = (plain, plain.translate(WRITTEN_OUT), bare, WITH_E.sub(r"\1", bare))
    return frozenset(word for spelling in spellings for word in WORD.findall(spelling))
