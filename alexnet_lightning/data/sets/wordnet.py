"""Names of the classes of ImageNet and its offspring: WordNet ids (wnids) and their words."""

from collections import Counter
from collections.abc import Mapping, Sequence


def readable(wnids: Sequence[str], words: Mapping[str, str]) -> list[str]:
    """Return a name for each wnid, no name twice.

    The first of its words, with the wnid where two share it, or the wnid where no word is known.

    Args:
        words: from a wnid to its words, separated by commas.
    """
    first = {wnid: words.get(wnid, wnid).split(",")[0].strip() for wnid in wnids}
    times = Counter(first.values())
    return [name if times[name] == 1 else f"{name} ({wnid})" for wnid, name in first.items()]
