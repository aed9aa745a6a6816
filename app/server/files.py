"""How many files and connections the system lets us hold."""

import sys

if sys.platform == "win32":

    def allow_many_files() -> int:
        """Return how many there may be: a socket is no file there."""
        return sys.maxsize

else:
    import resource

    def allow_many_files() -> int:
        """Ask for as many as we may have, and return how many these are."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != hard:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        return sys.maxsize if hard == resource.RLIM_INFINITY else hard
