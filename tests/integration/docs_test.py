"""Every command of the guides runs, or is marked as needing a cluster; support/docs.py says how."""
import os
import tempfile
import unittest

from support import fedwave
from support.docs import Workplace, blocks, helm_commands

FOREIGN = ("bash", "shell", "console", "zsh", "shell-session")


class DocsTest(unittest.TestCase):
    def follow(self, name):
        """A guide from its first block to its last, in a folder of its own."""
        folder = tempfile.TemporaryDirectory(prefix="fedwave-docs-")
        self.addCleanup(folder.cleanup)
        workplace = Workplace(folder.name)
        self.addCleanup(workplace.stop)
        commands = 0
        for block in blocks(os.path.join(fedwave.SOURCE_ROOT, name)):
            with self.subTest(block=f"{name}:{block.line}"):
                self.assertNotIn(block.language, FOREIGN, "write ```sh, or ```sh cluster")
                if block.language == "yaml" and block.words:
                    workplace.write(block.words[0], block.text)
                elif block.language == "sh":
                    self.assertIn(block.words, ((), ("cluster",)))
                    commands += 1
                    for script in self.scripts(block):
                        done = workplace.run(script)
                        self.assertEqual(done.returncode, 0, f"{script}\n{done.stdout}")
        self.assertGreater(commands, 0)

    @staticmethod
    def scripts(block):
        if not block.words:
            return [block.text]
        read_only = f"bash -n <<'BLOCK'\n{block.text}\nBLOCK"
        return [read_only, *helm_commands(block.text)]

    def test_istio_step_by_step(self):
        self.follow("docs/istio.md")

    def test_coming_from_the_collector(self):
        self.follow("docs/migrating.md")

    def test_operating(self):
        self.follow("docs/operating.md")

    def test_a_prometheus_beside_it(self):
        self.follow("charts/prometheus/README.md")

    def test_a_command_that_fails_is_noticed(self):
        with tempfile.TemporaryDirectory(prefix="fedwave-docs-") as folder:
            workplace = Workplace(folder)
            self.addCleanup(workplace.stop)
            for script in ("false | cat", "fedwave check --config nowhere.yaml",
                           "helm install x charts/fedwave",
                           "helm template x charts/fedwave --set nonsense=1"):
                with self.subTest(script=script):
                    self.assertNotEqual(workplace.run(script).returncode, 0)


if __name__ == "__main__":
    unittest.main()
