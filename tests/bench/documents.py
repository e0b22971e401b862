"""The documents of compare.py and scale.py: places, as in places.hpp, as many as one likes."""

import json
import random

ALL_PLACES = 171_075


class Places:
    """The places of the npm package, over and over again, each time under new ids; made-up ones without its file."""

    def __init__(self, file):
        self.kind = "places" if file else "made-up places"
        if file:
            with open(file, encoding="utf-8") as text:
                read = json.load(text)
        else:
            read = made_up()
        self.names = [place["name"] for place in read]
        # All of a document behind its id.
        self.rests = [json.dumps(place, ensure_ascii=False, separators=(",", ":"))[1:] for place in read]

    def one(self):
        return ("{" + self.rests[0]).encode()

    def bulks(self, count, member, first=0, in_one=1000):
        """The bodies of so many documents, 1,000 in each; `member` is what the server calls an id."""
        for start in range(first, first + count, in_one):
            end = min(start + in_one, first + count)
            documents = (f'{{"{member}":"{place_id(i)}",{self.rests[i % len(self.rests)]}' for i in range(start, end))
            yield f'{{"docs":[{",".join(documents)}]}}'.encode()


def place_id(number):
    return f"place-{number:08d}"


def made_up():
    dice = random.Random(ALL_PLACES)

    def letters(alphabet, count):
        return "".join(dice.choices(alphabet, k=count))

    return [
        {
            "name": letters("abcdefghijklmnopqrstuvwxyz", dice.randrange(3, 17)),
            "lat": f"{dice.uniform(0, 90):.5f}",
            "lng": f"{dice.uniform(0, 180):.5f}",
            "country": letters("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 2),
            "admin1": f"{dice.randrange(100):02d}",
            "admin2": str(dice.randrange(1_000_000)),
        }
        for _ in range(ALL_PLACES)
    ]
