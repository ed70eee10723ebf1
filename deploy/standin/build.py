"""Build stand-ins for the images of ``docker-compose.yml``; the README beside this file says why.

    python deploy/standin/build.py kafka python caddy

Each gets the official name. An official image that is there stays.
"""

from __future__ import annotations

import argparse

import caddy_image
import kafka_image
import layers
import python_image

IMAGES = {"kafka": kafka_image, "python": python_image, "caddy": caddy_image}


def main() -> None:
    """Build each image that is asked for, unless one of its name is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "names", nargs="*", default=["kafka"], metavar="NAME", help=", ".join(IMAGES)
    )
    parser.add_argument("--rebuild", action="store_true", help="replace an older stand-in")
    arguments = parser.parse_args()
    for name in arguments.names:
        image = IMAGES[name]
        kind = layers.existing(image.NAME)
        if kind == "official" or (kind == "stand-in" and not arguments.rebuild):
            print(f"{image.NAME} is there already ({kind})")
            continue
        image.build()
        print(f"built {image.NAME}: a stand-in made for labkit's tests, not the official image")


if __name__ == "__main__":
    main()
