"""Published numbers beside those found here: what every entry of the gallery ends with.

An entry makes a list of claims and calls `report`, which prints it as a table and fails where an entry's page would be
wrong: a claim that does not hold and says nothing else, or one that holds although the entry says what holds in its
place. `tutorials/build.py gallery` collects the tables.
"""

import sys
from dataclasses import dataclass

HEADING = "| result | published | here | holds? |\n|---|---|---|---|"
QUICK = "--quick" in sys.argv  # two entries take minutes, and less with this word behind their command


@dataclass(frozen=True)
class Claim:
    """A published result, what is found here, and whether the two agree.

    Attributes
    ----------
    result, published, here
        What it is about, what the source says, and what this library gives, each in words.
    holds
        Whether they agree.
    but
        What holds in its place, for a claim that does not hold.
    recalled
        Whether the published figure is quoted from memory, as it could not be read again in its source.
    """

    result: str
    published: str
    here: str
    holds: bool
    but: str = ""
    recalled: bool = False

    def row(self) -> str:
        """Return the claim as a row of a table in Markdown; a star marks what is quoted from memory."""
        verdict = "yes" if self.holds else f"no: {self.but}"
        return f"| {self.result} | {self.published}{' *' * self.recalled} | {self.here} | {verdict} |"


def number(result: str, published: str, here: float, within: float | None = None, **options) -> Claim:
    """Return the claim that a number is the published one, to the digits that are printed or to the error given.

    >>> number("log evidence", "-17.598", -17.59846).row()
    '| log evidence | -17.598 | -17.5985 | yes |'
    >>> number("test error", "0.95 (0.03)", 1.2, within=0.03, but="it is larger").row()
    '| test error | 0.95 (0.03) | 1.200 | no: it is larger |'
    """
    printed = published.split()[0]
    digits = len(printed.partition(".")[2])
    within = 0.5 * 10.0**-digits if within is None else within
    return Claim(result, published, f"{here:.{digits + 1}f}", bool(abs(here - float(printed)) <= within), **options)


def report(claims: list[Claim]) -> None:
    """Print the claims as a table, and fail unless each of them holds or says what does."""
    print(HEADING)
    for claim in claims:
        print(claim.row())
    wrong = [claim.result for claim in claims if bool(claim.holds) == bool(claim.but)]
    assert not wrong, f"not as the page has it: {', '.join(wrong)}"
