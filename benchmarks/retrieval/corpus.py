"""Manuals that come with Debian, as the documents of support assistants."""

import gzip
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SHARE = "usr/share"


@dataclass(frozen=True, slots=True)
class Manual:
    """Files of a package, found by ``pattern``; ``but`` names one that is left out."""

    name: str
    package: str
    pattern: str
    but: str = ""


HANDBOOK, INSTALLATION = "debian-handbook", "installation-guide-amd64"
MANUALS = {
    "pt": (
        Manual("debian-handbook", HANDBOOK, f"doc/{HANDBOOK}/html/pt-BR/*.html"),
        Manual("debian-reference", "debian-reference-pt-br", "debian-reference/*.pdf"),
        Manual("debian-faq", "debian-faq-pt", "doc/debian/FAQ/pt/*.html"),
        Manual("installation-guide", INSTALLATION, f"doc/{INSTALLATION}/pt/*.html"),
    ),
    "en": (
        Manual("debian-handbook", HANDBOOK, f"doc/{HANDBOOK}/html/en-US/*.html"),
        Manual("debian-reference", "debian-reference-en", "debian-reference/*.pdf"),
        Manual("debian-faq", "debian-faq", "doc/debian/FAQ/*.en.html"),
        Manual("installation-guide", INSTALLATION, f"doc/{INSTALLATION}/en/*.html"),
        Manual(
            "developers-reference",
            "developers-reference",
            "developers-reference/*.html",
            but="developers-reference.html",  # all the others on one page
        ),
        Manual(
            "live-manual",
            "live-manual-txt",
            "doc/live-manual/txt/live-manual.en.txt.gz",
        ),
    ),
    "es": (
        Manual("aptitude", "aptitude-doc-es", "doc/aptitude/html/es/*.html"),
        Manual("debian-reference", "debian-reference-es", "debian-reference/*.pdf"),
        Manual("installation-guide", INSTALLATION, f"doc/{INSTALLATION}/es/*.html"),
        Manual("maint-guide", "maint-guide-es", "doc/maint-guide-es/html/*.html"),
        Manual(
            "live-manual",
            "live-manual-txt",
            "doc/live-manual/txt/live-manual.es.txt.gz",
        ),
    ),
}


class CannotInstall(Exception):
    """There is no apt, or it does not have the packages."""


def install(folder: Path) -> dict[str, Path]:
    """Return the folder of each language's documents, made where it is not there yet.

    Nothing is installed in the system. Raises CannotInstall.
    """
    made = {language: folder / "documents" / language for language in MANUALS}
    for language, to in made.items():
        if to.exists():
            continue
        part = to.with_name(f"{language}.part")
        shutil.rmtree(part, ignore_errors=True)
        for manual in MANUALS[language]:
            (part / manual.name).mkdir(parents=True)
            for file in _files(manual, _unpacked(manual.package, folder / "packages")):
                _place(file, part / manual.name)
        part.rename(to)
    return made


def _unpacked(package: str, folder: Path) -> Path:
    """Download a package, unless it is there, and unpack it."""
    folder.mkdir(parents=True, exist_ok=True)
    to = folder / package
    try:
        if not list(folder.glob(f"{package}_*.deb")):
            _run(["apt-get", "download", package], folder)
        [archive] = folder.glob(f"{package}_*.deb")
        if not to.exists():
            _run(["dpkg-deb", "-x", archive.name, package], folder)
    except (OSError, ValueError, subprocess.CalledProcessError) as exc:
        raise CannotInstall(f"{package}: {exc}") from exc
    return to


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def _files(manual: Manual, unpacked: Path) -> Iterator[Path]:
    found = sorted((unpacked / SHARE).glob(manual.pattern))
    if not found:
        raise CannotInstall(f"{manual.package}: no {manual.pattern}")
    return (file for file in found if file.name != manual.but)


def _place(file: Path, folder: Path) -> None:
    if file.suffix == ".gz":
        (folder / file.stem).write_bytes(gzip.decompress(file.read_bytes()))
    else:
        shutil.copy(file, folder)
