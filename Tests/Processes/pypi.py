# SPDX-License-Identifier: Apache-2.0
"""Programs and libraries from PyPI, in a folder of their own: .build/python."""
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = os.path.join(ROOT, ".build", "python")
# Of these versions, so that the same requests are made each time.
PACKAGES = ["schemathesis==4.32.5", "hypothesis==6.170.17", "python-nomad==2.1.0", "nomadpy==0.2.0"]


def program(name):
    """The path of a program in there; None where it cannot be installed, which is said."""
    done = os.path.join(FOLDER, "packages")
    path = os.path.join(FOLDER, "bin", name)
    wanted = "\n".join(PACKAGES)
    try:
        with open(done) as file:
            if file.read() == wanted and os.access(path, os.X_OK):
                return path
    except OSError:
        pass
    for command in (
            [sys.executable, "-m", "venv", FOLDER],
            [os.path.join(FOLDER, "bin", "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
            + PACKAGES):
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if result.returncode != 0:
            print("    skipped, this cannot be had from PyPI: %s" % result.stdout.strip()[-300:])
            return None
    with open(done, "w") as file:
        file.write(wanted)
    return path
