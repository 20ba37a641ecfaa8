# SPDX-License-Identifier: BSD-2-Clause
"""payload.py MIB FILE: incompressible bytes, the same every time."""

import random
import sys


def main() -> None:
    mib, file = int(sys.argv[1]), sys.argv[2]
    generator = random.Random(mib)
    with open(file, "wb") as payload:
        for _ in range(mib):
            payload.write(generator.randbytes(1 << 20))


if __name__ == "__main__":
    main()
