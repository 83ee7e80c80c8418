"""A folder as kubelet mounts a ConfigMap: what is in it is swapped by one rename of a link."""
import os
import shutil


class ConfigMap:
    """`path` of a file in it is what a program is told; every edit is a folder of its own."""

    def __init__(self, folder, files):
        self.folder = folder
        self._edits = 0
        self._current = None
        os.makedirs(folder, exist_ok=True)
        self.write(files)
        for name in files:
            os.symlink(os.path.join("..data", name), self.path(name))

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, files):
        """What kubelet does: a new folder, a link to it under another name, which is renamed over
        `..data`, and the old folder is deleted."""
        self._edits += 1
        fresh = f"..2026_11_21_00_00_00.{self._edits:09}"
        os.mkdir(self.path(fresh))
        for name, content in files.items():
            with open(os.path.join(self.path(fresh), name), "w", encoding="utf-8") as file:
                file.write(content)
        os.symlink(fresh, self.path("..data_tmp"))
        os.rename(self.path("..data_tmp"), self.path("..data"))
        if self._current:
            shutil.rmtree(self.path(self._current))
        self._current = fresh
