"""Orquestradora: a self-hosted backend for LLM assistants.

Nothing is imported here: the child process that reads documents loads the package
too, and must not load the server.
"""

VERSION = "0.1.0"
