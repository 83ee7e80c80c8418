"""The disk below the spool: small enough to be filled, and with torn tails after a death."""
import contextlib
import errno
import os
import struct
import subprocess
import sys
import tempfile

_IN_NAMESPACE = "FEDWAVE_CHAOS_NAMESPACE"  # set for a process that may mount
_SEGMENT_HEADER_BYTES = 64
_RECORD_HEADER_BYTES = 64
_BODY_BYTES_AT = 12  # in a record's header
_PIECE = bytes(1 << 16)


def enter_mount_namespace():
    """Starts this program anew where it may mount and where no mount outlives it, if it can."""
    if _IN_NAMESPACE in os.environ:
        return
    for options in (["-m"], ["-rm"]):  # for root, and for everybody else
        command = ["unshare", *options]
        with contextlib.suppress(FileNotFoundError):
            probe = subprocess.run([*command, "mount", "-t", "tmpfs", "-o", "size=64k", "probe",
                                    tempfile.gettempdir()], capture_output=True, check=False)
            if probe.returncode == 0:
                sys.stdout.flush()
                os.execvpe("unshare", [*command, sys.executable, *sys.argv],
                           {**os.environ, _IN_NAMESPACE: "yes"})


def may_mount():
    return _IN_NAMESPACE in os.environ


@contextlib.contextmanager
def small_disk(path, mebibytes):
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "chaos", path], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", path], check=True)


class Filler:
    """A file that takes whatever room there is."""

    def __init__(self, folder):
        self._path = os.path.join(folder, "filler")

    def fill(self):
        """Also what has become free since."""
        with open(self._path, "ab", buffering=0) as file:
            try:
                while True:
                    file.write(_PIECE)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def remove(self):
        os.remove(self._path)


def sink_folders(directory):
    """{sink: folder} of a spool's directory."""
    folders = {}
    for entry in os.scandir(directory):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            with open(os.path.join(entry.path, "sink"), encoding="utf-8") as file:
                folders[file.read().strip()] = entry.path
    return folders


def quarantined_lines(folder):
    """What stands in a sink's quarantine, without the lines that say why."""
    with contextlib.suppress(FileNotFoundError):
        with open(os.path.join(folder, "quarantine.txt"), encoding="utf-8") as file:
            return [line for line in file.read().splitlines() if not line.startswith("#")]
    return []


def tear(folder, torn):
    """Adds a torn record to the newest segment; False when there is none."""
    segments = sorted(name for name in os.listdir(folder) if name.endswith(".blocks"))
    if not segments:
        return False
    with open(os.path.join(folder, segments[-1]), "r+b") as file:
        content = file.read()
        file.write(_torn_record(content, torn))
    return True


def _torn_record(segment, torn):
    """The beginning of the segment's first record, which is never all of it, or garbage."""
    at = _SEGMENT_HEADER_BYTES
    if not torn.is_copy or len(segment) < at + _RECORD_HEADER_BYTES:
        return torn.garbage
    [body_bytes] = struct.unpack_from("<I", segment, at + _BODY_BYTES_AT)
    bytes_kept = 1 + int(torn.share * (_RECORD_HEADER_BYTES + body_bytes - 2))
    return segment[at:at + bytes_kept]
